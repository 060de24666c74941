import io
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from model.errors import SourceError
from model.images.fingerprint import fingerprint
from model.labels import SPELLINGS
from model.sources.class_folders import above_the_split, list_class_folders, outermost
from model.sources.entries import read_all
from model.sources.kinds import read_source
from model.sources.layout import read_label, read_split
from model.sources.splits import find_split
from model.sources.tree import Member, Tree
from truegrain_rig.hostile_files import encode


def shop(*paths: str) -> Tree:
    """A tree in which every file holds its own path."""
    return Tree("shop", lambda: (Member(path, partial(io.BytesIO, path.encode())) for path in paths))


@pytest.mark.parametrize(
    ("folders", "label", "split"),
    [
        ("real", "real", None),
        ("train/REAL", "real", "train"),
        ("REAL/train", "real", "train"),
        ("data/Valid/FAKE", "ai", "val"),
        ("cifake/Testing/fake", "ai", "test"),
        ("Validation/nature/cats", "real", "val"),
        ("midjourney/train/ai", "ai", "train"),
        ("stylegan/car/1_fake", "ai", None),
        ("train/train/real", "real", "train"),
        ("/absolute/real", "real", None),
    ],
)
def test_label_and_split_are_found_at_any_depth_and_in_any_order(folders: str, label: str, split: str | None) -> None:
    assert (read_label(PurePosixPath(folders)), read_split(PurePosixPath(folders))) == (label, split)


@pytest.mark.parametrize("folders", ["train/cats", ".", "train"])
def test_folders_that_name_no_class_are_refused_with_the_known_spellings(folders: str) -> None:
    with pytest.raises(SourceError, match="no label") as refusal:
        read_label(PurePosixPath(folders))
    assert all(word in str(refusal.value) for words in SPELLINGS.values() for word in words)


def test_a_fake_inside_a_folder_of_real_ones_is_refused_rather_than_guessed() -> None:
    with pytest.raises(SourceError, match="more than one label: ai, real"):
        read_label(PurePosixPath("human/fake"))


def test_an_image_of_two_splits_is_refused() -> None:
    with pytest.raises(SourceError, match="more than one split: test, train"):
        read_split(PurePosixPath("train/real/test"))


def test_a_split_is_found_whatever_its_case_and_a_longer_word_is_none() -> None:
    assert [find_split(name) for name in ("TRAIN", "valid", "Testing", "test2", "trainers")] == [
        "train", "val", "test", None, None,
    ]  # fmt: skip


def test_only_names_of_images_are_listed_and_the_others_are_counted_with_their_reason() -> None:
    found = list(list_class_folders(shop("real/a.JPG", "real/list.csv", "readme", "real/b.webp", "c.csv")))
    assert [entry.path for entry in found if entry.remark is None] == ["real/a.JPG", "real/b.webp"]
    assert [(entry.remark.text, entry.remark.count, entry.remark.examples) for entry in found if entry.remark] == [
        ("Left out: a file whose name ends in '.csv', which is no image that is read.", 2, ("real/list.csv", "c.csv")),
        ("Left out: a file whose name has no ending, which is no image that is read.", 1, ("readme",)),
    ]


@pytest.mark.parametrize("path", [".cache/real/a.jpg", "real/.a.jpg", "__MACOSX/real/a.jpg", "../real/a.jpg"])
def test_hidden_files_are_ignored(path: str) -> None:
    assert list(list_class_folders(shop(path))) == []


def test_a_file_that_is_no_image_needs_no_class_folder() -> None:
    assert list(read_all(list_class_folders(shop("cats/labels.txt")))) == []


def test_an_ai_image_has_an_unknown_generator_and_a_real_one_has_none() -> None:
    real, fake = read_all(list_class_folders(shop("val/real/a.jpg", "fake/b.jpg")))
    assert (real.label, real.generator, real.split, real.origin) == ("real", None, "val", "val/real/a.jpg")
    assert (fake.label, fake.generator, fake.split, fake.source) == ("ai", "unknown", None, "shop")
    assert fake.data == b"fake/b.jpg"


@pytest.mark.parametrize(
    ("folders", "generator"),
    [
        ("Midjourney/train/ai", "Midjourney"),
        ("genimage/stable_diffusion_v_1_5/val/ai", "stable_diffusion_v_1_5"),
        ("train/ai", None),
        ("Midjourney/ai", None),
        ("DATASET/train/FAKE", None),
    ],
)
def test_genimage_keeps_the_generator_above_the_split(folders: str, generator: str | None) -> None:
    assert above_the_split(PurePosixPath(folders)) == generator


@pytest.mark.parametrize(
    ("folders", "generator"),
    [
        ("biggan/1_fake", "biggan"),
        ("progan/airplane/1_fake", "progan"),
        ("test/stylegan2/car/1_fake", "stylegan2"),
        ("1_fake", None),
        ("biggan/fake", None),
    ],
)
def test_cnndetection_keeps_the_generator_outermost(folders: str, generator: str | None) -> None:
    assert outermost(PurePosixPath(folders)) == generator


def test_the_generators_of_genimage_come_with_the_ai_images(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["ADM/train/ai/a.png", "ADM/train/nature/b.jpg", "glide/val/ai/c.png", "glide/val/nature/d.jpg"])
    assert [(image.label, image.split, image.generator) for image in read_source(str(root))] == [
        ("ai", "train", "ADM"), ("real", "train", None), ("ai", "val", "glide"), ("real", "val", None),
    ]  # fmt: skip


def test_the_generators_of_cnndetection_come_with_the_ai_images(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["biggan/0_real/a.png", "biggan/1_fake/b.png", "progan/cat/0_real/c.png", "progan/cat/1_fake/d.png"])
    assert [(image.label, image.generator) for image in read_source(str(root))] == [
        ("real", None), ("ai", "biggan"), ("real", None), ("ai", "progan"),
    ]  # fmt: skip


def test_a_named_kind_is_not_overruled_by_what_the_folders_look_like(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["wrapper/train/ai/a.png"])
    assert [next(read_source(f"{kind}{root}")).generator for kind in ("", "genimage:", "folders:")] == [
        "wrapper", "wrapper", "unknown",
    ]  # fmt: skip


def test_heic_and_avif_beside_jpeg_are_read_whatever_the_case_of_their_endings(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 48), "teal")
    files = {"real/1.heic": "HEIC", "real/2.HEIC": "HEIC", "real/3.hif": "HEIC", "real/4.avif": "AVIF"}
    files["ai/1.jpg"] = "JPEG"
    for name, kind in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(picture, kind))
    found = sorted((image.label, fingerprint(image.data).format) for image in read_source(str(tmp_path)))
    assert found == [("ai", "JPEG"), ("real", "AVIF"), ("real", "HEIC"), ("real", "HEIC"), ("real", "HEIC")]
