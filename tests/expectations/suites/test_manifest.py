"""Defects planted in a clean set: each is caught by its own rule, and the clean set passes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.dataset.lake import Lake
from support.planted_defects import (
    NOTHING_WRONG,
    LabelledImages,
    Outcome,
    Spoil,
    clean_images,
    encoded,
    recode,
    rotated,
    validated,
)

Encode = Callable[[Image.Image], bytes]
Plant = Callable[[LabelledImages], LabelledImages]


def test_the_clean_set_passes_without_a_warning(lake: Lake) -> None:
    assert validated(lake, clean_images()) == NOTHING_WRONG


LEGAL: dict[str, Encode] = {
    "turned upright by EXIF": rotated,
    "grey": lambda picture: encoded(picture.convert("L")),
    "transparent": lambda picture: encoded(picture.convert("RGBA"), "PNG"),
    "of a palette": lambda picture: encoded(picture.convert("P"), "PNG"),
    "with a second picture behind it": lambda picture: encoded(picture, "MPO", save_all=True, append_images=[picture]),
    "progressive": lambda picture: encoded(picture, progressive=True),
    "with a profile": lambda picture: encoded(picture, icc_profile=b"profile"),
}


def test_what_is_unusual_but_legal_passes_without_a_warning(lake: Lake) -> None:
    images = list(clean_images())
    for number, encode in enumerate(LEGAL.values()):
        images[number] = recode(images[number], encode, origin=f"legal/{number}")
    assert validated(lake, images) == NOTHING_WRONG


def deep(picture: Image.Image) -> bytes:
    return encoded(Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) << 8), "PNG")


NO_MODE = "mode is none of RGB, L, RGBA, LA, P, PA, 1"
NO_WIDTH, NO_HEIGHT = (f"{side} is not 16 to 20,000 pixels" for side in ("width", "height"))

REFUSED_FILES: dict[str, tuple[Encode, str]] = {
    "truncated file": (lambda picture: encoded(picture)[:-300], "cannot be decoded"),
    "empty file": (lambda _: b"", "cannot be decoded"),
    "web page named as an image": (lambda _: b"<html>404 Not Found</html>", "cannot be decoded"),
    "format that is not decoded": (lambda _: b"\x00\x00\x00\x1cftypheic" + bytes(40), "cannot be decoded"),
    "huge: 90 megapixels": (lambda _: encoded(Image.new("1", (10_000, 9_000)), "PNG"), "cannot be decoded"),
    "huge: too wide": (lambda picture: encoded(picture.resize((20_001, 16)), "PNG"), NO_WIDTH),
    "huge: too high": (lambda picture: encoded(picture.resize((16, 20_001)), "PNG"), NO_HEIGHT),
    "tiny": (lambda picture: encoded(picture.resize((15, 15))), f"{NO_HEIGHT}; {NO_WIDTH}"),
    "CMYK": (lambda picture: encoded(picture.convert("CMYK")), NO_MODE),
    "16-bit": (deep, NO_MODE),
    "floating point": (lambda picture: encoded(picture.convert("F"), "TIFF"), "cannot be decoded"),
}
"""Files by their defect: how to encode the file, and the reason for which its row must be refused."""

REFUSED_ROWS: dict[str, tuple[str, object, str]] = {
    "wrong label: no such class": ("label", "dog", "label is none of real, ai"),
    "wrong label: real, but generated": ("generator", "sd", "labelled real, but names a generator"),
    "no label": ("label", None, "label is missing"),
    "wrong split": ("split", "holdout", "split is none of train, val, test"),
    "no cluster": ("cluster", None, "cluster is missing"),
    "no brightness": ("brightness", None, "brightness is missing"),
    "no mode": ("mode", None, "mode is missing"),
    "wrong format": ("format", "PSD", "format is none of JPEG, PNG, WEBP, BMP, TIFF, GIF, HEIC, AVIF"),
}
"""Rows by their defect: the wrong column, its value, and the reason for the refusal."""


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The outcome for one set that holds every single-image defect, each in its own image."""
    images = list(clean_images(300))
    for number, (name, (encode, _)) in enumerate(REFUSED_FILES.items()):
        images[2 * number] = recode(images[2 * number], encode, origin=name)

    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        whole = rows.index[(rows["label"] == "real") & ~rows["origin"].isin(REFUSED_FILES)]
        for row, (name, (column, value, _)) in zip(whole, REFUSED_ROWS.items(), strict=False):
            rows.loc[row, [column, "origin"]] = [value, name]
        return rows

    return validated(Lake(str(tmp_path_factory.mktemp("refused") / "lake")), images, spoil)


@pytest.mark.parametrize("name", [*REFUSED_FILES, *REFUSED_ROWS])
def test_a_planted_image_is_refused(refused: Outcome, name: str) -> None:
    assert refused.refused[name] == {**REFUSED_FILES, **REFUSED_ROWS}[name][-1]


def test_the_others_go_on(refused: Outcome) -> None:
    assert refused.failed == []
    assert refused.refused.keys() == {*REFUSED_FILES, *REFUSED_ROWS}


@pytest.mark.parametrize("column", ["sha256", "pixel_hash"])
def test_a_planted_second_row_for_an_image_is_refused_with_the_first(lake: Lake, column: str) -> None:
    def repeat(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[4, column] = rows.loc[8, column]
        return rows

    reasons = validated(lake, clean_images(), repeat).refused.values()
    assert list(reasons) == [f"{column} is not unique"] * 2


def keep(images: LabelledImages, count: int, *, label: str, split: str | None = None) -> LabelledImages:
    """Keep only the first `count` images of a class, in one split or in all splits."""
    meant = [image for image in images if image.label == label and split in (None, image.split)]
    left_out = {image.origin for image in meant[count:]}
    return [image for image in images if image.origin not in left_out]


def skewed_in_train(images: LabelledImages) -> LabelledImages:
    return keep(keep(images, 30, label="ai", split="train"), 5, label="real", split="val")


def one_in_twelve_broken(images: LabelledImages) -> LabelledImages:
    return [
        replace(image, data=image.data[:-300]) if number % 12 == 0 else image for number, image in enumerate(images)
    ]


def twins_across(column: str) -> Spoil:
    """Turn two training images, or two images that differ in `column`, into near-duplicates."""

    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        twins = (rows if column == "split" else rows[rows["split"] == "train"]).drop_duplicates(column).index[:2]
        rows.loc[twins, "cluster"] = rows.loc[twins[0], "cluster"]
        return rows

    return spoil


REFUSED_SETS: dict[str, tuple[Plant, Spoil | None, str]] = {
    "one class missing": (lambda images: keep(images, 0, label="ai"), None, "Only 1 of the 2 classes is present"),
    "skew": (lambda images: keep(images, 45, label="ai"), None, "Class ai is 31.0% of the images, not 33% to 67%"),
    "skew that other splits hide": (skewed_in_train, None, "Class ai is 30.0% of the images in train, not 33% to 67%"),
    "too few to test on": (
        lambda images: keep(images, 4, label="real", split="test"),
        None,
        "test holds only 4 images of class real, not 5",
    ),
    "one file in twelve broken": (one_in_twelve_broken, None, "8.5% of the images cannot be decoded, more than 5%"),
    "twin across splits": (list, twins_across("split"), "A group of near-duplicates spans 2 splits"),
    "a column missing": (
        list,
        lambda rows: rows.drop(columns="cluster"),
        "The columns are not those of a manifest but ",
    ),
    "nothing at all": (list, lambda rows: rows.iloc[:0], "The source holds no image"),
}


@pytest.mark.parametrize("name", REFUSED_SETS)
def test_a_planted_set_is_refused(lake: Lake, name: str) -> None:
    plant, spoil, found = REFUSED_SETS[name]
    failed = validated(lake, plant(clean_images()), spoil).failed
    assert [each for each in failed if each.startswith(found)], failed


def test_a_planted_image_that_was_tested_before_is_not_trained_on(lake: Lake) -> None:
    def move(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows.index[rows["split"] == "test"][:3], "split"] = "train"
        return rows

    assert validated(lake, clean_images()) == NOTHING_WRONG
    outcome = validated(lake, clean_images(400)[200:210], move)
    assert outcome.failed == ["Images to train on that were in the test split of an earlier version: 3"]


def misnamed(images: LabelledImages) -> LabelledImages:
    return [replace(image, origin=image.origin.replace("0007.jpg", "0007.png")) for image in images]


def one_moving(images: LabelledImages) -> LabelledImages:
    first, second, *others = images
    frames = Image.effect_noise((64, 64), 50), Image.effect_noise((64, 64), 60)
    return [
        recode(first, lambda _: encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])),
        second,
        *others,
    ]


def one_in_eight_transparent(images: LabelledImages) -> LabelledImages:
    return [
        recode(image, lambda picture: encoded(picture.convert("RGBA"), "PNG"), origin=f"{number}.png")
        if number // 2 % 8 == 0
        else image
        for number, image in enumerate(images)
    ]


WARNED: dict[str, tuple[Plant, Spoil | None, str]] = {
    "wrong extension": (misnamed, None, "Files with the extension of another format: 1"),
    "animated": (
        lambda images: [replace(image, origin=image.origin[:-4]) for image in one_moving(images)],
        None,
        "Animations, whose first frame alone is used: 1",
    ),
    "alpha": (one_in_eight_transparent, None, "13.0% of the images have transparency or a palette, more than 5%"),
    "wrong label: twins of two classes": (
        list,
        twins_across("label"),
        "Images in groups of near-duplicates that hold both classes: 2",
    ),
}


@pytest.mark.parametrize("name", WARNED)
def test_a_planted_oddity_is_warned_of_and_passes(lake: Lake, name: str) -> None:
    plant, spoil, found = WARNED[name]
    assert validated(lake, plant(clean_images()), spoil) == Outcome([], [found], {})
