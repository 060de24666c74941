import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from model.errors import ContradictingLabels, SourceError
from model.sources import image_paths
from model.sources.image_paths import ImagePaths
from model.sources.kinds import read_source
from support.sources import remarks_of

KINDS = {"": "", ".zip": "zip", ".tar": "tar", ".tar.gz": "gztar"}


@pytest.fixture
def shoes(grow: Callable[[Iterable[str]], Path]) -> Path:
    """A shop with a table for every split, each with its own spellings, and a common table in the folder above."""
    root = grow(["data/Test/c.jpg", "data/Train/a.jpg", "data/Train/b (2).jpg", "data/Valid/d.jpg"])
    (root / "data" / "Data.csv").write_text("Name,label\na.jpg,Real\nb (2).jpg,AI\nc.jpg,AI\nd.jpg,Real\n")
    (root / "data" / "Train" / "Train.csv").write_text("Name,label\nb (2).jpg,1\na.jpg,0\n")
    (root / "data" / "Valid" / "Validation.csv").write_text("Name,label\nd.jpg,0\n")
    (root / "data" / "Test" / "Test.csv").write_text("Name,label\nc.jpg,1\n")
    return root


@pytest.mark.parametrize("suffix", KINDS)
def test_tables_beside_the_images_label_them_in_folders_and_archives(shoes: Path, suffix: str) -> None:
    location = shoes
    if suffix:
        location = Path(shutil.make_archive(str(shoes), KINDS[suffix], shoes.parent, "shop"))
    assert {(image.origin.rpartition("/")[2], image.label, image.split) for image in read_source(str(location))} == {
        ("a.jpg", "real", "train"), ("b (2).jpg", "ai", "train"), ("c.jpg", "ai", "test"), ("d.jpg", "real", "val"),
    }  # fmt: skip


def test_the_table_of_a_competition_names_paths_from_its_own_folder(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["train_data/0a.jpg", "train_data/0b.jpg", "test_data_v2/0c.jpg"])
    (root / "train.csv").write_text(",file_name,label\n0,train_data/0a.jpg,1\n1,train_data/0b.jpg,0\n")
    (root / "test.csv").write_text("id\ntest_data_v2/0c.jpg\n")
    images = [(image.origin, image.label, image.split, image.generator) for image in read_source(str(root))]
    assert images == [("train_data/0a.jpg", "ai", None, "unknown"), ("train_data/0b.jpg", "real", None, None)]
    assert [(remark.text, remark.examples) for remark in remarks_of(root)] == [
        ("Left out: a table that has no column of labels.", ("test.csv",)),
        ("Left out: an image that no table lists.", ("test_data_v2/0c.jpg",)),
    ]


def test_the_table_itself_can_be_the_source(shoes: Path) -> None:
    images = list(read_source(str(shoes / "data" / "Train" / "Train.csv")))
    assert [(image.source, image.origin, image.label) for image in images] == [
        ("Train", "a.jpg", "real"), ("Train", "b (2).jpg", "ai"),
    ]  # fmt: skip


def test_a_table_in_another_folder_may_point_upwards(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["images/a.jpg", "images/b.jpg"])
    (root / "lists").mkdir()
    (root / "lists" / "all.csv").write_text("file,label\n../images/a.jpg,1\nimages/b.jpg,0\n")
    assert [image.label for image in read_source(str(root))] == ["ai", "real"]


@pytest.mark.parametrize("kind", ["", "csv:"])
@pytest.mark.parametrize("place", ["", "/train.csv", ".zip", ".tar.gz"])
@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (
            "real/a.jpg,1\nfake/b.jpg,0\n",
            (
                "Line 2 of the table 'train.csv' contradicts a folder: '1' in the column 'label' means ai, but 'real' "
                "as a folder means real, of the image 'real/a.jpg'. Rows of this kind: 2. If the folders are right, "
                "name their kind .folders:.*If the table is right, rename the folder"
            ),
        ),
        ("real/a.jpg,0\nfake/b.jpg,0\n", "Line 3 .* 'fake' as a folder means ai, of the image 'fake/b.jpg'. If"),
        ("a.jpg,AI\nb.jpg,AI\n", "Line 2 .* 'AI' in the column 'label' means ai, but 'real' as a folder"),
    ],
)
def test_a_table_that_contradicts_the_class_folders_of_its_images_is_refused(
    grow: Callable[[Iterable[str]], Path], kind: str, place: str, table: str, complaint: str
) -> None:
    root = grow(["real/a.jpg", "fake/b.jpg"])
    (root / "train.csv").write_text(f"path,label\n{table}")
    if place.startswith("."):
        shutil.make_archive(str(root), KINDS[place], root)
    with pytest.raises(ContradictingLabels, match=complaint):
        next(read_source(f"{kind}{root}{place}"))


@pytest.mark.parametrize("place", ["", ".zip"])
def test_the_class_folders_count_where_their_kind_is_named_although_a_table_contradicts_them(
    grow: Callable[[Iterable[str]], Path], place: str
) -> None:
    root = grow(["real/a.jpg", "fake/b.jpg"])
    (root / "train.csv").write_text("path,label\nreal/a.jpg,1\nfake/b.jpg,0\n")
    if place:
        shutil.make_archive(str(root), KINDS[place], root)
    assert {image.origin: image.label for image in read_source(f"folders:{root}{place}")} == {
        "real/a.jpg": "real", "fake/b.jpg": "ai",
    }  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        "path,label\nreal/a.jpg,0\nfake/b.jpg,1\n",
        "path,label\nreal/gone.jpg,1\n",
        "path,class\nreal/a.jpg,cat\nfake/b.jpg,dog\n",
        "path,colour\nreal/a.jpg,1\n",
        "real/a.jpg,1\n",
    ],
)
def test_class_folders_are_read_where_no_table_beside_them_is_seen_to_contradict_them(
    grow: Callable[[Iterable[str]], Path], table: str
) -> None:
    root = grow(["real/a.jpg", "fake/b.jpg"])
    (root / "train.csv").write_text(table)
    assert [image.label for image in read_source(str(root))] == ["ai", "real"]


def test_a_table_that_contradicts_itself_beside_class_folders_is_refused(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = grow(["real/a.jpg", "fake/b.jpg"])
    (root / "train.csv").write_text("path,label,label_str\nreal/a.jpg,1,real\nfake/b.jpg,0,fake\n")
    with pytest.raises(ContradictingLabels, match=r"Line 2 .* 'real' in the column 'label_str' means real"):
        next(read_source(str(root)))


def test_the_innermost_class_folder_speaks_and_the_name_of_a_file_does_not(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = grow(["photos/fake/not real.jpg", "photos/real/fake.jpg"])
    (root / "train.csv").write_text("path,label\nnot real.jpg,1\nfake.jpg,0\n")
    assert [image.label for image in read_source(f"csv:{root}")] == ["ai", "real"]


@pytest.mark.parametrize("tables", [["human/a.jpg,1\nhuman/b.jpg,0\n"], ["human/a.jpg,1\n", "human/b.jpg,0\n"]])
def test_a_folder_whose_images_tables_call_real_and_ai_names_no_class_when_csv_is_named(
    grow: Callable[[Iterable[str]], Path], tables: list[str]
) -> None:
    root = grow(["human/a.jpg", "human/b.jpg"])
    for number, table in enumerate(tables):
        (root / f"{number}.csv").write_text(f"file,label\n{table}")
    assert [image.label for image in read_source(f"csv:{root}")] == ["ai", "real"]
    assert [image.label for image in read_source(f"folders:{root}")] == ["real", "real"]
    with pytest.raises(ContradictingLabels, match=r"'human' as a folder means real.*name the kind of the table .csv:"):
        next(read_source(str(root)))


def test_a_folder_whose_images_the_table_all_calls_otherwise_names_a_class(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = grow(["nature/a.jpg", "sdxl/b.jpg"])
    (root / "all.csv").write_text("file,label\nnature/a.jpg,1\nsdxl/b.jpg,0\n")
    with pytest.raises(ContradictingLabels, match=r"Line 2 .* 'nature' as a folder means real"):
        next(read_source(f"csv:{root}"))


def test_a_table_that_yields_nothing_beside_another_is_counted(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["a.jpg"])
    (root / "good.csv").write_text("Name,label\na.jpg,1\n")
    (root / "phone.csv").write_text("Name,label\nb.jxl,1\nc.jxl,0\n")
    assert [image.label for image in read_source(str(root))] == ["ai"]
    assert [(remark.text, remark.examples) for remark in remarks_of(root)] == [
        ("Left out: a table that names no image.", ("phone.csv",))
    ]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (
            "Name,label\na.jpg,1\ngone.jpg,0\nlost.jpg,0\n",
            r"2 files that the table 'all.csv' names.*'gone.jpg' on line 3",
        ),
        ("Name,label\n../../secret.jpg,1\n", r"1 files .*'../../secret.jpg'"),
        ("Name,label\ntwice.jpg,1\n", r"several of that name.*'twice.jpg'"),
        ("Name,label\na.jpg,1\na.jpg,0\n", r"contradict each other: 'a.jpg'"),
        ("Name,label\nphoto.jxl,1\n", r"No table in 'shop' lists labelled images \(all.csv does not\).*\.jpg, "),
        ("Name,colour\na.jpg,1\n", r"No table in 'shop' lists labelled images \(all.csv does not\).*one of label, "),
    ],
)
def test_a_table_that_does_not_fit_its_images_is_refused_before_any_is_read(
    grow: Callable[[Iterable[str]], Path], table: str, complaint: str
) -> None:
    root = grow(["a.jpg", "x/twice.jpg", "y/twice.jpg"])
    (root / "all.csv").write_text(table)
    with pytest.raises(SourceError, match=complaint):
        next(read_source(str(root)))


def test_tables_that_macos_adds_to_archives_are_ignored(shoes: Path) -> None:
    (shoes / "data" / "._Data.csv").write_bytes(b"\x00\x05\x16\x07\xff")
    assert len(list(read_source(str(shoes)))) == 4


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("b/x.png", "a/b/x.png"),  # relative to the table's folder, although other paths end like this, too
        ("../b/x.png", "b/x.png"),
        ("./b//x.png", "a/b/x.png"),
        ("c/x.png", "a/c/x.png"),
        ("/d/c/x.png", "d/c/x.png"),
        ("e/x.png", None),  # two paths end like this
        ("f/x.png", None),  # one name is there twice
        ("x.png", None),
        ("y.png", "g/y.png"),
        ("g/h/../y.png", "g/y.png"),
        ("z.png", None),
        ("g/y.png/", None),
        ("ng", None),
    ],
)
def test_a_name_is_that_of_a_file_beside_the_table_or_the_end_of_one_path(name: str, found: str | None) -> None:
    paths = ImagePaths()
    for path in ("b/x.png", "a/b/x.png", "c/x.png", "d/c/x.png", "a/c/x.png", "1/e/x.png", "2/e/x.png", "g/y.png"):
        paths.add(path)
    for _ in range(2):
        paths.add("3/f/x.png")
    assert paths.find(name, "a/table.csv") == found


def test_a_line_is_compared_with_few_of_the_images_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def look(beginning: str, paths: list[str]) -> list[str]:
        found = look_up(beginning, paths)
        compared.append(len(found))
        return found

    look_up = image_paths._two_from
    monkeypatch.setattr(image_paths, "_two_from", look)
    paths = ImagePaths()
    for number in range(20_000):
        paths.add(f"{number:x}/x.png")
    # Twenty thousand lines times twenty thousand images would take minutes.
    assert [paths.find(f"{number:x}/x.png", "t.csv") for number in range(20_000)] == [
        f"{number:x}/x.png" for number in range(20_000)
    ]
    assert {paths.find("y/x.png", "t.csv") for _ in range(20_000)} == {None}
    assert max(compared) <= 2


@pytest.fixture
def published(grow: Callable[[Iterable[str]], Path]) -> Path:
    return grow(["images/0.jpg", "images/1.jpg", "images/2.jpg", "images/3.jpg"])


def splits(root: Path) -> list[str | None]:
    return [image.split for image in read_source(str(root))]


def test_the_names_of_tables_keep_the_published_splits(published: Path) -> None:
    (published / "train.csv").write_text("file,label\nimages/0.jpg,0\nimages/1.jpg,1\n")
    assert splits(published) == [None, None]  # nothing is published that could be tested on
    (published / "test.csv").write_text("file,label\nimages/2.jpg,0\nimages/3.jpg,1\n")
    assert splits(published) == ["train", "train", "test", "test"]


def test_a_column_keeps_the_published_splits_and_one_that_is_not_understood_is_a_warning(published: Path) -> None:
    lines = "images/0.jpg,0,train\nimages/1.jpg,1,dev\nimages/2.jpg,0,Testing\nimages/3.jpg,1,extra\n"
    (published / "train.csv").write_text(f"file,label,split\n{lines}")
    assert splits(published) == ["train", "val", "test", None]
    assert [(remark.warns, remark.examples) for remark in remarks_of(published)] == [(True, ("line 5: images/3.jpg",))]


def test_a_table_whose_name_may_be_a_split_but_is_not_understood_is_a_warning(published: Path) -> None:
    (published / "test2.csv").write_text("file,label\nimages/2.jpg,0\nimages/3.jpg,1\n")
    assert splits(published) == [None, None]
    assert [remark.examples for remark in remarks_of(published) if remark.warns] == [("test2.csv",)]


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({"a.csv": "train/a.jpg,0,test\n"}, "a table and the folders name two splits of the image 'train/a.jpg'"),
        ({"a.csv": "b.jpg,0,train\n", "b.csv": "b.jpg,0,test\n"}, "the tables name two splits of the image 'b.jpg'"),
    ],
)
def test_two_splits_of_one_image_are_refused(
    grow: Callable[[Iterable[str]], Path], tables: dict[str, str], complaint: str
) -> None:
    root = grow(["train/a.jpg", "b.jpg"])
    for name, lines in tables.items():
        (root / name).write_text(f"file,label,split\n{lines}")
    with pytest.raises(SourceError, match=complaint):
        list(read_source(str(root)))


def test_a_table_that_covers_the_images_of_class_folders_counts_and_a_remark_says_so(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = grow(["a/real/1.jpg", "a/ai/flux/2.jpg", "b/ai/x/3.jpg"])
    lines = "a/real/1.jpg,real,,faces,val\na/ai/flux/2.jpg,ai,,,\nb/ai/x/3.jpg,ai,sdxl,faces,test\n"
    (root / "images.csv").write_text(f"file,label,generator,source,split\n{lines}")
    found = {image.origin: (image.generator, image.collection, image.split) for image in read_source(str(root))}
    assert found == {
        "a/real/1.jpg": (None, "faces", "val"), "a/ai/flux/2.jpg": ("flux", "a", None),
        "b/ai/x/3.jpg": ("sdxl", "faces", "test"),
    }  # fmt: skip
    assert [remark.text for remark in remarks_of(root)] == [
        "Labels, generators and splits come from the table 'images.csv', which covers all images."
    ]


@pytest.mark.parametrize(
    ("lines", "remark"),
    [
        ("real/1.jpg,0\n", "it does not cover all images"),
        ("real/1.jpg,0\nai/2.jpg,1\nai/gone.jpg,1\n", "it does not cover all images"),
        ("real/1.jpg,cat\nai/2.jpg,dog\n", "it is not understood: Line 2 of the table"),
    ],
)
def test_class_folders_count_where_no_table_covers_them_and_a_remark_says_so(
    grow: Callable[[Iterable[str]], Path], lines: str, remark: str
) -> None:
    root = grow(["real/1.jpg", "ai/2.jpg"])
    (root / "all.csv").write_text(f"file,label\n{lines}")
    assert [image.label for image in read_source(str(root))] == ["ai", "real"]
    assert any(f"The class folders count, not the table 'all.csv': {remark}" in each.text for each in remarks_of(root))
