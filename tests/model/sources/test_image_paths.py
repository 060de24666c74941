import unicodedata

import pytest

from model.errors import SourceError
from model.sources.image_paths import ImagePaths
from model.sources.kinds import read_source


def paths(*names: str, root: str | None = None) -> ImagePaths:
    found = ImagePaths(root)
    for name in names:
        found.add(name)
    return found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("/here/shop/images/a.jpg", "images/a.jpg"),
        ("/kaggle/input/shop/images/a.jpg", "images/a.jpg"),
        ("C:/data/shop/images/b.jpg", "images/b.jpg"),
        ("file:///data/b.jpg", "images/b.jpg"),
        ("//server/share/b.jpg", "images/b.jpg"),
        ("/elsewhere/a.jpg", None),  # there are two of that name
        ("elsewhere/b.jpg", None),  # a relative name is no path of another machine
        ("/data/c.jpg", None),
        ("/" + "a/" * 1_000 + "b.jpg", None),
    ],
)
def test_an_absolute_name_is_one_below_the_folder_or_of_another_machine(name: str, found: str | None) -> None:
    assert paths("images/a.jpg", "old/images/a.jpg", "images/b.jpg", root="/here/shop").find(name, "t.csv") == found


def test_case_and_the_form_of_letters_make_no_difference_where_one_file_alone_is_meant() -> None:
    composed, decomposed = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    known = paths(f"{decomposed}.jpg", "Images/A.JPG", "x/b.jpg", "x/B.jpg")
    assert known.find(f"{composed}.jpg", "t.csv") == f"{decomposed}.jpg"
    assert known.find("images/a.jpg", "t.csv") == "Images/A.JPG"
    assert known.find("x/b.jpg", "t.csv") == "x/b.jpg"
    assert known.find("x/B.JPG", "t.csv") is None


def test_names_of_two_files_that_can_only_mean_one_are_refused(grow) -> None:
    root = grow(["1.jpg"])
    (root / "all.csv").write_text("file,label\n/data/train/1.jpg,0\n/data/test/1.jpg,0\n")
    with pytest.raises(SourceError, match=r"Line 3 .* names '/data/test/1\.jpg', an earlier line '/data/train/1\.jpg'"):
        list(read_source(str(root)))
