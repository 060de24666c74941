"""Which files of a tree count as images, and which are hidden."""

from pathlib import PurePosixPath

import pytest

from model.sources.tree import IMAGE_SUFFIXES, Member, Tree, is_image


def unopened() -> None:
    raise AssertionError("nobody reads it")


@pytest.mark.parametrize(
    "path", ["a.jpg", "a/b.PNG", "a.jpg/b", "jpg", ".jpg", "a/.jpg", "a.tar.jpeg", "a.jpg.txt", "a.", "", "ä b.webp"]
)
def test_a_file_is_an_image_by_its_suffix(path: str) -> None:
    assert is_image(path) == (PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES)


@pytest.mark.parametrize("path", ["a/b.jpg", "./a/b.jpg", "a/./b.jpg", "a.b/c.jpg", "MACOSX/b.jpg", "no__MACOSX/b.jpg"])
def test_a_plain_path_is_shown(path: str) -> None:
    assert [member.path for member in Tree("tree", lambda: iter([Member(path, unopened)])).members()] == [path]  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [".a.jpg", "a/.b.jpg", ".git/b.jpg", "../b.jpg", "a/../../b.jpg", "__MACOSX/b.jpg"])
def test_a_hidden_path_and_one_that_leads_out_are_not(path: str) -> None:
    assert list(Tree("tree", lambda: iter([Member(path, unopened)])).members()) == []  # type: ignore[arg-type]
