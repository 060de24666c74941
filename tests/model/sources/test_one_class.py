"""A source of one class needs no folders of classes."""

from pathlib import Path

import pytest

from model.errors import ContradictingLabels
from model.sources.entries import Entry, Facts
from model.sources.kinds import open_source, read_source


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def test_every_image_is_real_and_a_split_of_another_task_is_a_warning(tmp_path: Path) -> None:
    make(tmp_path, "photos/1.jpg", "test/2.jpg", "3.jpg", "licence.txt")
    found = {image.origin: (image.label, image.split, image.generator) for image in read_source(f"real:{tmp_path}")}
    assert found == dict.fromkeys(("3.jpg", "photos/1.jpg", "test/2.jpg"), ("real", None, None))
    with open_source(f"real:{tmp_path}") as items:
        remarks = [item.remark for item in items if isinstance(item, Entry) and item.remark]
    assert [(remark.warns, remark.examples) for remark in remarks] == [
        (False, ("licence.txt",)),
        (True, ("test/2.jpg",)),
    ]
    assert "The folder 'test' may name a published split." in remarks[1].text


def test_the_innermost_folder_that_is_no_split_names_the_generator(tmp_path: Path) -> None:
    make(tmp_path, "set/dalle3/1.png", "set/flux/train/2.png", "3.png")
    found = {image.origin: image.generator for image in read_source(f"ai:{tmp_path}")}
    assert found == {"3.png": "unknown", "set/dalle3/1.png": "dalle3", "set/flux/train/2.png": "flux"}


def test_a_folder_of_the_other_class_contradicts_the_kind(tmp_path: Path) -> None:
    make(tmp_path, "cats/fake/1.jpg")
    with pytest.raises(ContradictingLabels, match="every image is real, but 'fake' as a folder means ai"):
        list(read_source(f"real:{tmp_path}"))


def test_a_listing_says_what_it_knows_of_each_image_without_reading_it(tmp_path: Path) -> None:
    (make(tmp_path, "flux/1.png") / "flux" / "1.png").chmod(0)
    with open_source(f"ai:{tmp_path}") as items:
        assert [list(item.facts()) for item in items] == [[Facts("ai", generator="flux")]]  # type: ignore[union-attr]
