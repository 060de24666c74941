import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.errors import ContradictingLabels, SourceError
from model.sources import tree
from model.sources.entries import read_all
from model.sources.kinds import open_source, read_source
from model.sources.parquet import list_shards
from model.sources.tree import Member, Tree
from support.sources import remarks_of

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a shard as Hugging Face does, with two rows a group; `names` are the names of the ClassLabel."""

    def shard(path: str, labels: list[Any], *, names: list[str] | None = None, image: Any = None) -> Path:
        target = tmp_path / "hub" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        images = [image or {"bytes": f"{path} {row}".encode(), "path": f"{row}.jpg"} for row in range(len(labels))]
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = pa.table({"image": pa.array(images), "label": pa.array(labels)})
        metadata = {"huggingface": json.dumps({"info": {"features": features}})} if names else None
        pq.write_table(table.replace_schema_metadata(metadata), target, row_group_size=2)
        return target

    return shard


def test_class_labels_are_read_by_their_names_and_not_by_their_numbers(write: Write) -> None:
    shard = write("train-00000-of-00001.parquet", [0, 1, 1], names=["FAKE", "REAL"])
    images = list(read_source(str(shard)))
    assert [(image.label, image.generator) for image in images] == [("ai", "unknown"), ("real", None), ("real", None)]
    assert [image.data for image in images] == [f"train-00000-of-00001.parquet {row}".encode() for row in range(3)]
    assert images[2].origin == "train-00000-of-00001.parquet#2"
    assert {(image.source, image.split) for image in images} == {("train-00000-of-00001", "train")}


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar", ".tar.gz"])
def test_a_folder_or_an_archive_of_shards_is_read_with_its_splits(write: Write, suffix: str) -> None:
    write("data/test-00000-of-00001.parquet", ["real"])
    write("data/train-00000-of-00002.parquet", ["AI", "real", "fake"])
    location = write("default/validation/0000.parquet", ["human"]).parents[2]
    if suffix:
        kind = {".zip": "zip", ".tar": "tar", ".tar.gz": "gztar"}[suffix]
        location = Path(shutil.make_archive(str(location), kind, location))
    found = sorted((image.split, image.label) for image in read_source(str(location)))
    assert found == [("test", "real"), ("train", "ai"), ("train", "ai"), ("train", "real"), ("val", "real")]


@pytest.mark.parametrize("path", [b"real/a.jpg", 7])
def test_the_path_of_an_image_that_is_no_text_claims_nothing(write: Write, path: Any) -> None:
    """Found by fuzzing: a column of bytes ended ingestion with a TypeError."""
    shard = write("a.parquet", ["ai"], image={"bytes": b"pixels", "path": path})
    assert [image.label for image in read_source(str(shard))] == ["ai"]


def test_a_column_names_the_generator_of_the_ai_images(tmp_path: Path) -> None:
    images, generators = [{"bytes": b"a"}] * 3, ["flux", None, "a mistake"]
    pq.write_table(
        pa.table({"image": images, "label": ["ai", "ai", "real"], "generator": generators}), tmp_path / "a.parquet"
    )
    assert [image.generator for image in read_source(str(tmp_path / "a.parquet"))] == ["flux", "unknown", None]


def test_a_picture_beside_the_shards_does_not_hide_them(write: Write) -> None:
    root = write("data/train.parquet", ["ai"]).parents[1]
    (root / "cover.png").write_bytes(b"a picture for the page")
    assert [image.label for image in read_source(str(root))] == ["ai"]


def test_no_more_of_a_shard_is_read_than_the_images_asked_for(tmp_path: Path) -> None:
    shard, read = tmp_path / "a.parquet", []
    images = [{"bytes": bytes([row]) * 100_000} for row in range(100)]
    table = pa.table({"image": images, "label": ["real", "ai"] * 50})
    pq.write_table(table, shard, row_group_size=10, compression="none", use_dictionary=False)

    class Counted(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size)
            read.append(len(content))
            return content

    next(read_all(list_shards(Tree("hub", lambda: iter([Member("a.parquet", lambda: Counted(shard), seekable=True)])))))
    assert 1_000_000 < sum(read) < 4_000_000


@pytest.mark.parametrize(("side", "most"), [(20_000_000, 1), (800_000, 16)])
def test_large_images_are_held_one_at_a_time_and_small_ones_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int, most: int
) -> None:
    sizes: list[int] = []
    read = pq.ParquetFile.iter_batches

    def counted(shard: pq.ParquetFile, *arguments: Any, **named: Any) -> Iterator[pa.RecordBatch]:
        for batch in read(shard, *arguments, **named):
            sizes.append(len(batch))
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    images = [{"bytes": bytes([number]) * side} for number in range(3)] * (1 if most == 1 else 10)
    table = pa.table({"image": images, "label": ["ai"] * len(images)})
    pq.write_table(table, tmp_path / "a.parquet", compression="none", use_dictionary=False)
    assert len(list(read_source(str(tmp_path / "a.parquet")))) == len(images)
    assert max(sizes) == most


def test_rows_keep_their_numbers_across_row_groups_of_which_some_are_not_read(write: Write) -> None:
    with open_source(f"parquet:{write('a.parquet', ['ai'] * 5)}") as items:
        (shard,) = items
        read = [image.origin for group in shard.entries() if group.path.endswith("#1") for image in group.images()]
    assert read == ["a.parquet#2", "a.parquet#3"]


def test_rows_without_a_label_are_left_out_and_counted(write: Write) -> None:
    shard = write("test.parquet", [-1, 1, None], names=["real", "ai"])
    assert [image.origin for image in read_source(str(shard))] == ["test.parquet#1"]
    assert [(remark.text, remark.count, remark.of_rows) for remark in remarks_of(shard)] == [
        ("Left out: a row of the shard 'test.parquet' without a label.", 2, True)
    ]


def test_of_an_image_that_is_too_large_just_enough_is_kept_to_refuse_it(write: Write) -> None:
    shard = write("a.parquet", ["ai"], image={"bytes": bytes(60_000_000), "path": None})
    assert len(next(read_source(str(shard))).data) == 50_000_001


@pytest.mark.parametrize(
    ("labels", "names", "complaint"),
    [
        ([0, 1], None, "of the type int64, and nothing says which of them is AI.*ClassLabel"),
        ([0, 1], ["cats", "dogs"], "'cats' names no label. Known spellings"),
        ([2], ["real", "ai"], "'2' names no label"),
        ([0.5], None, "of the type double"),
        (["cat"], None, "'cat' names no label"),
    ],
)
def test_labels_that_are_not_understood_are_refused(
    write: Write, labels: list[Any], names: list[str] | None, complaint: str
) -> None:
    with pytest.raises(SourceError, match=complaint):
        list(read_source(str(write("a.parquet", labels, names=names))))


def named(*names: str) -> dict[str, Any]:
    return {"_type": "ClassLabel", "names": list(names)}


def write_columns(path: Path, columns: dict[str, list[Any]], **features: Any) -> Path:
    """Write a shard of two images with these columns beside them."""
    images = columns.get("image", [{"bytes": b"a", "path": "a.jpg"}, {"bytes": b"b", "path": "b.jpg"}])
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**columns, "image": images}).replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(
    ("columns", "features", "complaint"),
    [
        (
            {"label": [1, 0], "label_name": ["real", "fake"]},
            {"label": named("real", "fake")},
            (
                "Row 0 of the Parquet file 'a.parquet' contradicts itself: '1' in the column 'label' means ai, but "
                "'real' in the column 'label_name' means real, of the image 'a.jpg'. Correct"
            ),
        ),
        (
            {"label": ["real", "ai"], "class": [0, 1]},
            {"class": named("fake", "real")},
            "Row 0 .* 'fake' in the column 'class' means ai",
        ),
        ({"label": ["real", "ai"], "is_real": [True, True]}, {}, "Row 1 .* 'True' in the column 'is_real' means real"),
        ({"label": ["real", "ai"], "is_fake": [1, 0]}, {}, "Row 0 .* '1' in the column 'is_fake' means ai"),
        ({"label": ["ai", "ai"], "generator": ["flux", "real"]}, {}, "Row 1 .* 'real' in the column 'generator'"),
        (
            {
                "label": ["ai", "real"],
                "image": [{"bytes": b"a", "path": "fake/a.jpg"}, {"bytes": b"b", "path": "x/fake/b.jpg"}],
            },
            {},
            "Row 1 .* 'fake' as a folder means ai, of the image 'x/fake/b.jpg'",
        ),
    ],
)
def test_a_label_that_stands_beside_a_word_against_it_is_refused_with_both_readings(
    tmp_path: Path, columns: dict[str, list[Any]], features: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ContradictingLabels, match=complaint):
        list(read_source(str(write_columns(tmp_path / "a.parquet", columns, **features))))


def test_a_label_against_the_class_folder_of_its_shard_is_refused(tmp_path: Path) -> None:
    write_columns(tmp_path / "hub" / "real" / "a.parquet", {"label": ["real", "ai"]})
    with pytest.raises(ContradictingLabels, match=r"Row 1 of the Parquet file 'real/a.parquet'.*'real' as a folder"):
        list(read_source(str(tmp_path / "hub")))


def test_words_beside_a_label_that_agree_or_are_about_something_else_leave_the_shard_as_it_is(tmp_path: Path) -> None:
    columns = {
        "label": ["real", "ai"], "label_name": ["REAL", None], "class": ["nature", "human"], "prompt": ["fake", "real"],
        "target": [1, 0], "source": ["camera", "real estate"],
        "image": [{"bytes": b"a", "path": "fake.jpg"}, {"bytes": b"b", "path": "photos/real.jpg"}],
    }  # fmt: skip
    shard = write_columns(tmp_path / "a.parquet", columns, label_b=named("real", "flux"))
    assert [image.label for image in read_source(str(shard))] == ["real", "ai"]


@pytest.mark.parametrize("image", [{"bytes": None, "path": "a.jpg"}, None])
def test_an_image_that_is_not_in_the_shard_is_refused(tmp_path: Path, image: dict[str, str | None] | None) -> None:
    images = pa.array([{"bytes": b"a", "path": "a.jpg"}, image])
    pq.write_table(pa.table({"image": images, "label": ["ai", "ai"]}), tmp_path / "a.parquet")
    with pytest.raises(
        SourceError, match=r"Row 1 of the Parquet file 'a.parquet' has no bytes: the image lies elsewhere"
    ):
        list(read_source(str(tmp_path / "a.parquet")))


def test_a_table_of_something_else_is_refused_with_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": ["ai"]}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"its columns are text, label.*a field 'bytes'"):
        list(read_source(str(tmp_path / "a.parquet")))


def test_a_cut_off_shard_is_refused(write: Write) -> None:
    shard = write("a.parquet", ["ai"] * 9)
    shard.write_bytes(shard.read_bytes()[:-50])
    with pytest.raises(SourceError, match=r"'a.parquet' cannot be read.*Is it complete"):
        list(read_source(str(shard)))


def test_a_shard_with_a_damaged_word_is_refused(write: Write) -> None:
    shard = write("a.parquet", ["real"])
    shard.write_bytes(shard.read_bytes().replace(b"real", b"re\xffl"))
    with pytest.raises(SourceError, match=r"'a.parquet' cannot be read.*invalid start byte"):
        list(read_source(str(shard)))


def shared(path: Path, value: bytes, rows: int, *, words: str = "ai") -> Path:
    """Write rows that share one value, which is stored once and compressed."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value], pa.binary()))
    image = pa.StructArray.from_arrays([column, pa.array(["x"] * rows)], names=["bytes", "path"])
    table = pa.table({"image": image, "label": pa.array([words] * rows)})
    pq.write_table(
        table, path, compression="zstd", dictionary_pagesize_limit=2**31 - 1, write_statistics=False, store_schema=False
    )
    return path


def test_rows_that_share_a_large_value_are_refused_before_they_are_many(tmp_path: Path) -> None:
    bomb = shared(tmp_path / "bomb.parquet", bytes(60_000_000), 1_000)
    assert bomb.stat().st_size < 20_000
    images: list[int] = []
    with pytest.raises(SourceError, match=r"'bomb.parquet' unpacks from .* to 1,020,000,000 bytes.*taken for a bomb"):
        images.extend(len(image.data) for image in read_source(str(bomb)))
    assert len(images) == 16
    assert max(images) < 51_000_000


def test_a_shard_that_says_itself_that_it_swells_is_refused_before_any_row_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "_HARMLESS_BYTES", 10_000_000)
    images = pa.array([{"bytes": bytes(1_000_000)}] * 17)
    table = pa.table({"image": images, "label": ["ai"] * 17})
    pq.write_table(table, tmp_path / "bomb.parquet", compression="zstd", use_dictionary=False)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("rows were read"))
    with pytest.raises(SourceError, match=r"'bomb.parquet' unpacks from .* to 17,0\d\d,\d+ bytes"):
        list(read_source(str(tmp_path / "bomb.parquet")))


def test_rows_that_may_share_a_value_are_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    iter_batches = pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        pq.ParquetFile, "iter_batches", lambda *args, **more: at_once.append(args[1]) or iter_batches(*args, **more)
    )
    noise = np.random.default_rng(0)
    pq.write_table(
        pa.table({"image": [{"bytes": noise.bytes(10_000)} for _ in range(20)], "label": ["ai"] * 20}),
        tmp_path / "usual.parquet",
    )
    for shard in (tmp_path / "usual.parquet", shared(tmp_path / "packed.parquet", bytes(100_000), 20)):
        assert len(list(read_source(str(shard)))) == 20
    assert at_once == [16, 1]


def test_words_of_megabytes_beside_the_images_are_refused(tmp_path: Path) -> None:
    shard = shared(tmp_path / "long.parquet", b"x", 3, words="ai" * 1_000_000)
    with pytest.raises(SourceError, match=r"'long.parquet' holds [\d,]+ bytes beside 1 images.*at most 1,000,000"):
        list(read_source(str(shard)))


def test_a_crowd_of_columns_titled_like_a_label_is_refused_before_any_row_is_read(tmp_path: Path) -> None:
    columns = {"image": [{"bytes": b"a"}], "label": ["ai"]} | {f"label{number}": [None] for number in range(101)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"has 101 columns titled like a label, such as 'label0'; at most 100"):
        list(read_source(str(tmp_path / "a.parquet")))


def test_a_title_of_megabytes_costs_no_time_with_each_row_and_claims_nothing(tmp_path: Path) -> None:
    columns = {"image": [{"bytes": b"a"}] * 1_000, "label": ["ai"] * 1_000, "label" + "x" * 5_000_000: ["real"] * 1_000}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", store_schema=False)
    began = time.process_time()
    assert len(list(read_source(str(tmp_path / "a.parquet")))) == 1_000
    assert time.process_time() - began < 3


def _shard(path: Path, columns: dict[str, Any], names: dict[str, list[str]] | None = None) -> Path:
    """Write a shard of any columns beside the image; `names` are those of ClassLabels."""
    count = len(next(iter(columns.values())))
    features = {column: {"names": of, "_type": "ClassLabel"} for column, of in (names or {}).items()}
    table = pa.table({"image": [{"bytes": f"{row}".encode()} for row in range(count)], **columns})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), path)
    return path


def test_the_generator_may_be_a_class_label(tmp_path: Path) -> None:
    columns = {"label": ["real", "fake", "fake", "fake"], "generator": [None, 2, -1, 7]}
    shard = _shard(tmp_path / "a.parquet", columns, {"generator": ["sd15", "midjourney", "flux"]})
    assert [image.generator for image in read_source(str(shard))] == [None, "flux", "unknown", "unknown"]


@pytest.mark.parametrize("generators", [[1, 2], [0.5, 1.5], [True, False], [["flux"], []], [{"name": "flux"}, None]])
def test_a_generator_of_another_type_is_an_error_at_once(tmp_path: Path, generators: list[Any]) -> None:
    shard = _shard(tmp_path / "a.parquet", {"label": ["real", "fake"], "generator": generators})
    with pytest.raises(SourceError, match=r"The column 'generator' of the Parquet file 'a\.parquet' is of the type"):
        list(read_source(str(shard)))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("is_ai", [0, 1]),
        ("is_ai", [False, True]),
        ("is_real", [True, False]),
        ("fake", ["0", "1"]),
        ("is_ai", ["False", "True"]),
    ],
)
def test_numbers_and_booleans_are_labels_in_a_column_named_after_a_class(
    tmp_path: Path, column: str, values: list[Any]
) -> None:
    shard = _shard(tmp_path / "a.parquet", {column: values})
    assert [image.label for image in read_source(str(shard))] == ["real", "ai"]


@pytest.mark.parametrize("values", [[0, 1], [False, True]])
def test_numbers_and_booleans_without_names_are_refused_with_what_to_do(tmp_path: Path, values: list[Any]) -> None:
    with pytest.raises(SourceError, match=r"nothing says which of them is AI.*name the column after the class"):
        list(read_source(str(_shard(tmp_path / "a.parquet", {"label": values}))))


def test_of_several_label_columns_the_one_whose_cells_name_labels_counts(tmp_path: Path) -> None:
    shard = _shard(tmp_path / "a.parquet", {"class": ["cat", "dog"], "target": [3, 4], "is_fake": [0, 1]})
    assert [image.label for image in read_source(str(shard))] == ["real", "ai"]


def test_one_strange_value_among_many_is_named_with_its_row_and_file(tmp_path: Path) -> None:
    shard = _shard(tmp_path / "a.parquet", {"label": ["real"] * 500 + ["reel"]})
    with pytest.raises(SourceError, match=r"Row 500 of the Parquet file 'a\.parquet': 'reel' names no label"):
        list(read_source(str(shard)))


def test_splits_and_collections_are_read_from_their_columns(tmp_path: Path) -> None:
    columns = {"label": ["real", "fake", "fake"], "split": ["train", "dev", "extra"], "source": [0, 1, 0]}
    shard = _shard(tmp_path / "a.parquet", columns, {"source": ["faces", "shoes"]})
    found = [(image.split, image.collection) for image in read_source(str(shard))]
    assert found == [("train", "faces"), ("val", "shoes"), (None, "faces")]
    assert [(remark.warns, remark.examples) for remark in remarks_of(shard)] == [(True, ("a.parquet#2",))]
    with pytest.raises(SourceError, match=r"Row 1 .* contradicts the file's path about the split: 'val' and 'train'"):
        list(read_source(str(shard.rename(tmp_path / "train-00000-of-00001.parquet"))))


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS"),
        (b"../../../blobs/0a1b", "the text of a link"),
        (b"no shard" * 100, "Is it complete"),
    ],
)
def test_what_stands_in_place_of_a_shard_is_named(tmp_path: Path, content: bytes, advice: str) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(SourceError, match=f"cannot be read: .*{advice}"):
        list(read_source(f"parquet:{tmp_path / 'a.parquet'}"))


def test_what_lies_beside_shards_is_counted(write: Write) -> None:
    root = write("data/train.parquet", ["real"]).parents[1]
    (root / "README.md").write_text("x")
    assert [(remark.examples, remark.of_rows) for remark in remarks_of(root)] == [(("README.md",), False)]


def test_images_in_columns_named_after_classes_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no labelled images: its columns are image, fake_image"):
        list(read_source(str(_shard(tmp_path / "a.parquet", {"fake_image": [{"bytes": b"x"}]}))))
