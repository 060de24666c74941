import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from model.errors import SourceError
from model.sources.recognise import open_source

KINDS = {"": "", ".zip": "zip", ".tar": "tar", ".tar.gz": "gztar"}


@pytest.fixture
def shoes(grow: Callable[[Iterable[str]], Path]) -> Path:
    """A shop with a table for every split, each with spellings of its own, and one for all of them above."""
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
    assert {(image.origin.rpartition("/")[2], image.label, image.split) for image in open_source(str(location))} == {
        ("a.jpg", "real", "train"), ("b (2).jpg", "ai", "train"), ("c.jpg", "ai", "test"), ("d.jpg", "real", "val"),
    }  # fmt: skip


def test_the_table_of_a_competition_names_paths_from_its_own_folder(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["train_data/0a.jpg", "train_data/0b.jpg", "test_data_v2/0c.jpg"])
    (root / "train.csv").write_text(",file_name,label\n0,train_data/0a.jpg,1\n1,train_data/0b.jpg,0\n")
    (root / "test.csv").write_text("id\ntest_data_v2/0c.jpg\n")
    with capture_logs() as logs:
        images = [(image.origin, image.label, image.split, image.generator) for image in open_source(str(root))]
    assert images == [("train_data/0a.jpg", "ai", None, "unknown"), ("train_data/0b.jpg", "real", None, None)]
    assert [(log["event"], log.get("count", log.get("tables"))) for log in logs] == [
        ("tables_without_labels", ["test.csv"]), ("images_not_listed", 1),
    ]  # fmt: skip


def test_the_table_itself_can_be_the_source(shoes: Path) -> None:
    images = list(open_source(str(shoes / "data" / "Train" / "Train.csv")))
    assert [(image.source, image.origin, image.label) for image in images] == [
        ("Train", "a.jpg", "real"), ("Train", "b (2).jpg", "ai"),
    ]  # fmt: skip


def test_a_table_in_another_folder_may_point_upwards(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["images/a.jpg", "images/b.jpg"])
    (root / "lists").mkdir()
    (root / "lists" / "all.csv").write_text("file,label\n../images/a.jpg,1\nimages/b.jpg,0\n")
    assert [image.label for image in open_source(str(root))] == ["ai", "real"]


def test_the_table_counts_although_a_folder_is_called_like_a_class_when_csv_is_named(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = grow(["human/a.jpg"])
    (root / "all.csv").write_text("file,label\nhuman/a.jpg,1\n")
    assert [image.label for image in open_source(f"csv:{root}")] == ["ai"]
    assert [image.label for image in open_source(str(root))] == ["real"]


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
        ("Name,colour\na.jpg,1\n", r"No table in 'shop' lists labelled images \(all.csv does not\).*one of label, "),
    ],
)
def test_a_table_that_does_not_fit_its_images_is_refused_before_any_is_read(
    grow: Callable[[Iterable[str]], Path], table: str, complaint: str
) -> None:
    root = grow(["a.jpg", "x/twice.jpg", "y/twice.jpg"])
    (root / "all.csv").write_text(table)
    with pytest.raises(SourceError, match=complaint):
        next(open_source(str(root)))


def test_tables_that_macos_adds_to_archives_are_ignored(shoes: Path) -> None:
    (shoes / "data" / "._Data.csv").write_bytes(b"\x00\x05\x16\x07\xff")
    assert len(list(open_source(str(shoes)))) == 4
