"""A fact that alone tells the label, and a change of the mix, are caught by their own rule in a clean set."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image, ImageOps

from model.dataset.lake import Lake
from support.planted_defects import (
    NOTHING_WRONG,
    LabelledImages,
    Outcome,
    clean_images,
    encoded,
    opened,
    recode,
    rotated,
    validated,
)

Encode = Callable[[Image.Image], bytes]
Plant = Callable[[LabelledImages], LabelledImages]


def coded(*, ai: Encode, real: Encode = encoded) -> Plant:
    """Encode each class in its own way."""
    return lambda images: [recode(image, ai if image.label == "ai" else real) for image in images]


def with_other_tables(picture: Image.Image) -> bytes:
    """Quantise with the entries of quality 90 in another order: the same quality, as if by another encoder."""
    tables = opened(encoded(picture)).quantization  # type: ignore[attr-defined]  # a JPEG has them
    return encoded(picture, qtables={number: table[::-1] for number, table in tables.items()})


def framed(picture: Image.Image) -> bytes:
    return encoded(ImageOps.expand(picture.resize((60, 60)), 2, "grey"))


def very_dark_or_very_light(picture: Image.Image) -> bytes:
    lift = 200 * (picture.getpixel((0, 0))[0] % 2)
    return encoded(picture.point(lambda level: lift + level // 5))


def moving(picture: Image.Image) -> bytes:
    return encoded(picture, "WEBP", save_all=True, append_images=[ImageOps.invert(picture)])


def renamed(images: LabelledImages) -> LabelledImages:
    return [replace(image, origin=image.origin.replace("ai/IMG_", "ai/dalle-")) for image in images]


SHORTCUTS: dict[str, tuple[str, Plant]] = {
    "file size": ("bytes", coded(ai=lambda picture: encoded(picture) + bytes(20_000))),
    "width": ("width", coded(ai=lambda picture: encoded(picture.resize((80, 64))))),
    "height": ("height", coded(ai=lambda picture: encoded(picture.resize((64, 80))))),
    "aspect": ("aspect", coded(ai=lambda picture: encoded(picture.resize((96, 64))))),
    "format": ("format", coded(ai=lambda picture: encoded(picture, "PNG"))),
    "mode": ("mode", coded(ai=lambda picture: encoded(picture.convert("L")))),
    "alpha": ("mode", coded(ai=lambda picture: encoded(picture.convert("RGBA"), "PNG"))),
    "animation": ("animated", coded(ai=moving, real=lambda picture: encoded(picture, "WEBP"))),
    "JPEG quality": ("jpeg_quality", coded(ai=lambda picture: encoded(picture, quality=91))),
    "quantisation table": ("quantization", coded(ai=with_other_tables)),
    "ICC profile": ("has_icc", coded(ai=lambda picture: encoded(picture, icc_profile=b"profile"))),
    "EXIF rotation": ("has_exif", coded(ai=rotated)),
    "file name": ("name_pattern", renamed),
    "brightness": ("brightness", coded(ai=lambda picture: encoded(picture.point(lambda level: level // 4)))),
    "brightness at both ends": ("brightness", coded(ai=very_dark_or_very_light)),
    "burned-in border": ("border", coded(ai=framed)),
}


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_planted_shortcut_is_refused_and_named(lake: Lake, name: str) -> None:
    fact, plant = SHORTCUTS[name]
    found = re.compile(rf"{fact} alone tells AI from real with an AUC of (1|0\.9\d+), more than 0\.9")
    failed = validated(lake, plant(clean_images())).failed
    assert [each for each in failed if found.fullmatch(each)], failed


def test_a_planted_half_of_a_shortcut_is_warned_of_and_passes(lake: Lake) -> None:
    images = [
        recode(image, lambda picture: encoded(picture, icc_profile=b"profile"))
        if image.label == "ai" and number // 2 % 10 < 7
        else recode(image, encoded)
        for number, image in enumerate(clean_images())
    ]
    outcome = validated(lake, images)
    alone, together = outcome.warnings
    assert re.fullmatch(r"has_icc alone tells AI from real with an AUC of 0\.[78]\d+, more than 0\.75", alone)
    assert re.fullmatch(r"all facts together tell AI from real with an AUC of 0\.[789]\d+, more than 0\.75", together)
    assert outcome == Outcome([], [alone, together], {})


def test_a_fact_shared_by_both_classes_is_no_shortcut(lake: Lake) -> None:
    marked = coded(ai=rotated, real=rotated)
    assert validated(lake, marked(clean_images())) == Outcome([], [], {})


def test_a_planted_change_of_the_mix_is_warned_of_and_passes(lake: Lake) -> None:
    newcomers = [
        replace(image, generator="newcomer") if image.label == "ai" else image for image in clean_images(400)[200:]
    ]
    assert validated(lake, clean_images()) == NOTHING_WRONG
    found = "25.0% of the mix by generator changed since the previous version, more than 20%"
    assert validated(lake, newcomers) == Outcome([], [found], {})
