import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from model.errors import ContradictingLabels, SourceError
from model.sources.entries import Entry
from model.sources.kinds import open_source, read_source
from model.sources.labelled_image import LabelledImage


def draw(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (shade % 256, 90, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def shard(tmp_path: Path) -> Callable[..., Path]:
    """`shard(files, name="data-000000.tar")` packs a shard in the order of the files, as WebDataset's writer does."""

    def pack(files: Mapping[str, bytes | str], *, name: str = "data-000000.tar") -> Path:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = "w:gz" if name.endswith("gz") else "w"
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for member, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                header = tarfile.TarInfo(member)
                header.size = len(data)
                archive.addfile(header, io.BytesIO(data))
        return path

    return pack


def facts(images: Iterable[LabelledImage]) -> list[tuple[str, str | None, str | None, str]]:
    return [(image.label, image.generator, image.split, image.origin) for image in images]


JSON = {
    "000.jpg": draw(0),
    "000.json": '{"label": "real", "width": 16}',
    "001.jpg": draw(1),
    "001.json": '{"label": "fake", "generator": "flux", "split": "test"}',
}


@pytest.mark.parametrize("name", ["data-000000.tar", "data-000000.tar.gz"])
def test_a_shard_is_read_by_what_stands_beside_each_image(shard: Callable[..., Path], name: str) -> None:
    images = list(read_source(str(shard(JSON, name=name))))
    assert facts(images) == [("real", None, None, "000.jpg"), ("ai", "flux", "test", "001.jpg")]
    assert [image.data for image in images] == [draw(0), draw(1)]


@pytest.mark.parametrize(
    ("beside", "label"),
    [
        ({"cls": "0"}, "real"),
        ({"cls": "1\n"}, "ai"),
        ({"cls": "fake"}, "ai"),
        ({"txt": "Real"}, "real"),
        ({"json": '{"label": 1}'}, "ai"),
        ({"json": '{"caption": "a cat"}', "cls": "1"}, "ai"),
        ({"json": '"fake"'}, "ai"),
        ({"json": '{"label": "real"}', "txt": "a photo of a cat", "cls": "207"}, "real"),
    ],
)
def test_json_cls_and_txt_name_the_label(shard: Callable[..., Path], beside: dict[str, str], label: str) -> None:
    files: dict[str, bytes | str] = {f"a/7.{suffix}": content for suffix, content in beside.items()}
    assert facts(read_source(str(shard({"a/7.png": draw(7)} | files))))[0][0] == label
    assert facts(read_source(str(shard(files | {"a/7.png": draw(7)}))))[0][0] == label


def test_files_beside_images_are_read_in_a_folder_too(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["val/a.jpg", "val/b.jpg"])
    (root / "val" / "a.cls").write_text("0")
    (root / "val" / "b.cls").write_text("1")
    assert facts(read_source(str(root))) == [("real", None, "val", "val/a.jpg"), ("ai", "unknown", "val", "val/b.jpg")]


@pytest.mark.parametrize("where", ["here", "bucket"])
def test_a_folder_of_shards_has_a_container_for_each_and_the_split_of_its_name(
    shard: Callable[..., Path], where: str
) -> None:
    for name in ("photos-train-000000", "photos-train-000001", "photos-test-000000"):
        shard({f"{name}.jpg": draw(1), f"{name}.cls": "0"}, name=f"{name}.tar")
    location = str(shard(JSON, name="more/val-00000-of-00001.tar").parents[1])
    memory = fsspec.filesystem("memory")
    if where == "bucket":
        memory.put(location, "/wds", recursive=True)
        location = "memory://wds"
    try:
        with open_source(location) as items:
            assert len(list(items)) == 4
        with pytest.raises(SourceError, match="in a shard for val, and says test"):
            list(read_source(location))
        with open_source(location) as items:
            splits = [image.split for item in list(items)[1:] for entry in item.entries() for image in entry.images()]  # type: ignore[union-attr]
        assert splits == ["test", "train", "train"]
    finally:
        if where == "bucket":
            memory.rm("/wds", recursive=True)


@pytest.mark.parametrize(
    ("files", "refusal"),
    [
        (
            {"1.json": '{"label": "real"}', "1.txt": "fake"},
            r"'real' in the field 'label'.*but 'fake' in the \.txt file",
        ),
        ({"1.json": '{"label": "real", "is_fake": 1}'}, r"but '1' in the column 'is_fake'"),
        ({"1.cls": "1", "1.txt": "real"}, r"'1' in the \.cls file means ai, but 'real'"),
    ],
)
def test_what_contradicts_itself_is_refused(
    shard: Callable[..., Path], files: dict[str, bytes | str], refusal: str
) -> None:
    with pytest.raises(ContradictingLabels, match=refusal):
        list(read_source(str(shard({"1.jpg": draw(1)} | files))))


def test_a_class_folder_that_contradicts_is_refused(shard: Callable[..., Path]) -> None:
    with pytest.raises(ContradictingLabels, match="'ai' as a folder"):
        list(read_source("webdataset:" + str(shard({"ai/1.jpg": draw(1), "ai/1.cls": "real"}))))


@pytest.mark.parametrize(
    ("files", "refusal"),
    [
        ({"1.cls": "207"}, r"'207' names no label in the \.cls file"),
        ({"1.json": "{"}, r"beside '1\.jpg' is no JSON"),
        ({"1.json": b"\xff"}, r"is not UTF-8"),
        ({"1.txt": b"x" * 1_000_001}, r"more than 1,000,000 bytes"),
        ({"1.mask.png": draw(2), "1.cls": "1"}, r"'1' holds two images, '1\.jpg' and '1\.mask\.png'"),
        ({"1.txt": "a cat"}, r"None of the 1 samples of 'data-000000' has a label"),
        ({"1.cls": "1", "labels.csv": "file,label\n1.jpg,0\n"}, r"the table 'labels\.csv' beside samples"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_name(
    shard: Callable[..., Path], files: dict[str, bytes | str], refusal: str
) -> None:
    with pytest.raises(SourceError, match=refusal):
        list(read_source("webdataset:" + str(shard({"1.jpg": draw(1)} | files))))


def test_samples_without_a_label_are_counted(shard: Callable[..., Path]) -> None:
    path = shard(JSON | {"002.jpg": draw(2), "003.json": "{}"})
    with open_source(str(path)) as items:
        entries = [entry for item in items for entry in item.entries()]  # type: ignore[union-attr]
    told = {entry.remark.text: entry.remark.count for entry in entries if isinstance(entry, Entry) and entry.remark}
    assert told["Left out: a sample without a label."] == 1


def test_a_shard_that_ends_early_is_refused(shard: Callable[..., Path]) -> None:
    path = shard(JSON)
    path.write_bytes(path.read_bytes()[:2_500])
    with pytest.raises(SourceError, match=r"data-000000\.tar' cannot be read.*Is it complete"):
        list(read_source(f"webdataset:{path}"))
