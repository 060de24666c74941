import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from model.errors import ContradictingLabels, SourceError
from model.sources import csv_images
from model.sources.csv_images import ImagePaths
from model.sources.kinds import read_source

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
    with capture_logs() as logs:
        images = [(image.origin, image.label, image.split, image.generator) for image in read_source(str(root))]
    assert images == [("train_data/0a.jpg", "ai", None, "unknown"), ("train_data/0b.jpg", "real", None, None)]
    assert [(log["event"], log["count"]) for log in logs] == [
        ("tables_without_labels", 1), ("images_not_listed", 1),
    ]  # fmt: skip


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
    (root / "phone.csv").write_text("Name,label\nb.heic,1\nc.heic,0\n")
    with capture_logs() as logs:
        assert [image.label for image in read_source(str(root))] == ["ai"]
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("table_names_no_image", "warning"), ("tables_without_labels", "info"),
    ]  # fmt: skip


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
        ("Name,label\nphoto.heic,1\n", r"No table in 'shop' lists labelled images \(all.csv does not\).*\.jpg, "),
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

    look_up = csv_images._two_from
    monkeypatch.setattr(csv_images, "_two_from", look)
    paths = ImagePaths()
    for number in range(20_000):
        paths.add(f"{number:x}/x.png")
    # Twenty thousand lines times twenty thousand images would take minutes.
    assert [paths.find(f"{number:x}/x.png", "t.csv") for number in range(20_000)] == [
        f"{number:x}/x.png" for number in range(20_000)
    ]
    assert {paths.find("y/x.png", "t.csv") for _ in range(20_000)} == {None}
    assert max(compared) <= 2
