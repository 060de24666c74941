"""What folders say beside the class: generators, collections and published splits."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from model.errors import SourceError
from model.sources.kinds import read_source
from support.sources import remarks_of

Grow = Callable[[Iterable[str]], Path]


def generators(root: Path) -> dict[str, str | None]:
    return {image.origin: image.generator for image in read_source(str(root)) if image.label == "ai"}


def test_folders_below_the_class_of_ai_images_name_their_generators(grow: Grow) -> None:
    root = grow(
        ["ai/flux/a.jpg", "ai/train/newgen/b.jpg", "fake/2026-11-29/sdxl/c.jpg", "ai/d.jpg", "real/photo/e.jpg"]
    )
    assert generators(root) == {
        "ai/flux/a.jpg": "flux",
        "ai/train/newgen/b.jpg": "newgen",
        "fake/2026-11-29/sdxl/c.jpg": "sdxl",
        "ai/d.jpg": "unknown",
    }


@pytest.mark.parametrize(
    "real", [["real/tables/x.jpg", "real/chairs/y.jpg"], ["REAL/Chairs/x.jpg"], ["real/a.jpg", "real/x/chairs/b.jpg"]]
)
def test_folders_that_both_classes_share_say_what_pictures_show(grow: Grow, real: list[str]) -> None:
    root = grow(["ai/chairs/a.jpg", "ai/tables/b.jpg", "ai/lamps/flux/c.jpg", *real])
    assert generators(root) == {
        "ai/chairs/a.jpg": "unknown", "ai/tables/b.jpg": "unknown", "ai/lamps/flux/c.jpg": "flux",
    }  # fmt: skip


def test_object_classes_are_no_generators_where_cnndetection_has_them(grow: Grow) -> None:
    root = grow(
        f"{above}/{folder}/x.png"
        for above in ("train/car", "val/wardrobe", "test/biggan", "test/stylegan2/cat", "test/newmodel", "test/horse")
        for folder in ("0_real", "1_fake")
    )
    assert {origin.removesuffix("/1_fake/x.png"): name for origin, name in generators(root).items()} == {
        "train/car": "unknown",
        "val/wardrobe": "unknown",
        "test/biggan": "biggan",
        "test/stylegan2/cat": "stylegan2",
        "test/newmodel": "newmodel",
        "test/horse": "unknown",
    }


def test_the_first_folder_that_not_all_images_share_is_the_collection(grow: Grow) -> None:
    root = grow(
        ["set/faces/real/a.jpg", "set/faces/ai/flux/b.jpg", "set/shoes/train/ai/c.jpg", "set/2026-11-29/ai/d.jpg"]
    )
    assert [(image.origin, image.collection) for image in read_source(str(root))] == [
        ("set/2026-11-29/ai/d.jpg", None),
        ("set/faces/ai/flux/b.jpg", "faces"),
        ("set/faces/real/a.jpg", "faces"),
        ("set/shoes/train/ai/c.jpg", "shoes"),
    ]


def test_a_source_that_grows_by_days_has_no_collections_and_no_generators_called_after_days(grow: Grow) -> None:
    days = ("2026-11-29", "2026-12-13")
    root = grow(f"{day}/{label}/x.jpg" for day in days for label in ("real", "ai"))
    assert {(image.collection, image.generator) for image in read_source(str(root))} == {
        (None, None),
        (None, "unknown"),
    }


@pytest.mark.parametrize("pack", ["", "tar"])
def test_a_folder_around_all_images_may_be_called_like_a_class(grow: Grow, tmp_path: Path, pack: str) -> None:
    root = grow(["photographs/a/real/1.jpg", "photographs/b/ai/2.jpg"])
    location = shutil.make_archive(str(tmp_path / "all"), pack, root) if pack else str(root)
    assert {(image.label, image.collection) for image in read_source(location)} == {("real", "a"), ("ai", "b")}


def test_a_folder_around_all_images_that_surely_names_a_class_is_not_overruled(grow: Grow) -> None:
    with pytest.raises(SourceError, match="more than one label: ai, real"):
        list(read_source(str(grow(["fake/a/real/1.jpg", "fake/b/ai/2.jpg"]))))


@pytest.mark.parametrize(
    ("train", "test", "split"),
    [("train", "eval", "test"), ("train", "dev", "val"), ("Train Images", "Test Images", "test")],
)
def test_published_splits_are_kept_however_their_folders_are_spelt(
    grow: Grow, train: str, test: str, split: str
) -> None:
    root = grow(f"{above}/{label}/1.jpg" for above in (train, test) for label in ("real", "fake"))
    found = {image.origin.partition("/")[0]: image.split for image in read_source(str(root))}
    assert found == {train: "train", test: split}
    assert remarks_of(root) == []


def test_data_for_training_alone_is_no_published_split_unless_the_folder_says_so_plainly(grow: Grow) -> None:
    root = grow(["train_data/real/a.jpg", "train_data/fake/b.jpg"])
    assert {image.split for image in read_source(str(root))} == {None}
    (root / "train_data").rename(root / "train")
    assert {image.split for image in read_source(str(root))} == {"train"}


def test_a_folder_that_may_be_a_split_but_is_not_understood_is_a_warning(grow: Grow) -> None:
    root = grow(["test2/real/a.jpg", "test2/fake/b.jpg", "train/real/c.jpg"])
    assert [image.split for image in read_source(str(root))] == [None, None, "train"]
    (remark,) = remarks_of(root)
    assert (remark.count, remark.warns, remark.examples[0]) == (2, True, "test2/fake/b.jpg")
    assert "'test2' may name a published split" in remark.text


def test_a_spreadsheet_beside_unlabelled_images_is_named_with_what_to_do(grow: Grow) -> None:
    root = grow(["images/a.jpg"])
    (root / "labels.xlsx").write_bytes(b"PK")
    with pytest.raises(SourceError, match=r"no label.*Save the sheet 'labels\.xlsx' as CSV"):
        list(read_source(str(root)))
