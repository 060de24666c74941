import hashlib
import io
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageCms, JpegImagePlugin

from model.dataset.shortcuts import find_shortcuts
from model.images.fingerprint import fingerprint
from model.sources.labelled_image import LabelledImage
from model.sources.neutralise import QUALITIES, SCALES, neutralise

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
"""A screen's colour profile with red and green swapped."""


def _labelled(data: bytes, *, label: str = "ai", origin: str = "train/ai/mj_0001.png") -> LabelledImage:
    return LabelledImage(data=data, label=label, source="shop", generator="midjourney", split="train", origin=origin)


def _noise(seed: int, *, size: tuple[int, int] = (48, 40)) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _open(image: LabelledImage) -> Image.Image:
    return Image.open(io.BytesIO(image.data))


def test_what_the_file_said_is_gone_and_what_the_source_said_stays() -> None:
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    data = _saved(_noise(1), "JPEG", quality=97, subsampling=0, exif=exif, icc_profile=SRGB, comment=b"made by me")
    before = _labelled(data)
    after = neutralise(before)
    opened = _open(after)
    assert (opened.format, opened.mode) == ("JPEG", "RGB")
    assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert JpegImagePlugin.get_sampling(opened) == 2  # 4:2:0
    assert fingerprint(after.data).jpeg_quality in QUALITIES
    claims = [(image.label, image.source, image.generator, image.split) for image in (before, after)]
    assert claims[0] == claims[1]


def test_its_size_shrinks_by_what_the_pixels_draw_and_its_shape_stays() -> None:
    sizes = [_open(neutralise(_labelled(_saved(_noise(seed, size=(960, 480)), "PNG")))).size for seed in range(12)]
    assert len(set(sizes)) > 6
    assert all(960 * SCALES[0] <= width <= 960 * SCALES[1] and abs(width - 2 * height) <= 1 for width, height in sizes)


def test_the_grid_of_an_earlier_jpeg_is_gone() -> None:
    image = _labelled(_saved(_noise(6, size=(320, 320)), "JPEG", quality=10))
    grey = np.asarray(_open(neutralise(image)).convert("L"), dtype=float)
    again = np.asarray(_open(image).convert("L"), dtype=float)
    assert _strength_of_grid(again) > 2
    assert _strength_of_grid(grey) < 1.5


def _strength_of_grid(grey: np.ndarray) -> float:
    """Return the ratio of steps between blocks of eight pixels to all other steps."""
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    edges = np.arange(len(steps)) % 8 == 7
    return float(steps[edges].mean() / steps[~edges].mean())


def test_the_same_pixels_become_the_same_bytes_whatever_the_file_was() -> None:
    files = [_saved(_noise(2), kind) for kind in ("PNG", "BMP", "TIFF")]
    assert len({neutralise(_labelled(data)).data for data in files}) == 1


def test_the_name_says_nothing_and_its_folders_where_it_came_from() -> None:
    after = neutralise(_labelled(_saved(_noise(3), "PNG")))
    folder, _, name = after.origin.rpartition("/")
    assert folder == "train/ai/mj_0001.png"
    assert name == hashlib.sha256(after.data).hexdigest()[:16] + ".jpg"


def _audit(images: Iterable[LabelledImage]) -> dict[str, float]:
    rows = [asdict(fingerprint(image.data)) | {"label": image.label, "origin": image.origin} for image in images]
    return {name: shortcut.low for name, shortcut in find_shortcuts(pd.DataFrame(rows).convert_dtypes()).items()}


def test_files_that_told_the_class_by_everything_but_the_picture_no_longer_do() -> None:
    ai = [_saved(_noise(seed), "JPEG", quality=75, icc_profile=SRGB, exif=b"Exif\0\0abc") for seed in range(60)]
    real = [_saved(_noise(seed), "PNG") for seed in range(60, 120)]
    images = [_labelled(data, label="ai", origin=f"mj {number}.jpg") for number, data in enumerate(ai)]
    images += [_labelled(data, label="real", origin=f"{number}.png") for number, data in enumerate(real)]
    told = ("bytes", "format", "jpeg_quality", "quantization", "has_icc", "has_exif", "name_pattern")
    before, after = _audit(images), _audit(neutralise(image) for image in images)
    assert {name: before[name] > 0.9 for name in told} == dict.fromkeys(told, True)
    assert {name: after[name] < 0.6 for name in told} == dict.fromkeys(told, True)


def test_an_image_is_turned_upright_and_its_transparency_becomes_white() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = _open(neutralise(_labelled(_saved(_noise(4), "JPEG", exif=exif))))
    assert turned.height > turned.width
    clear = neutralise(_labelled(_saved(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "PNG")))
    assert _open(clear).getpixel((8, 8)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("profile", "colour"),
    [(SRGB, "red"), (SWAPPED, "green"), (b"no profile at all", "red"), (SRGB.replace(b"RGB ", b"CMYK"), "red")],
)
def test_an_embedded_profile_is_followed_where_it_is_one_for_rgb(profile: bytes, colour: str) -> None:
    data = _saved(Image.new("RGB", (16, 16), (255, 0, 0)), "PNG", icc_profile=profile)
    red, green, _ = _open(neutralise(_labelled(data))).getpixel((8, 8))
    assert ("red" if red > green else "green") == colour


def test_the_colours_of_a_printer_are_taken_as_the_decoder_takes_them() -> None:
    data = _saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "TIFF", icc_profile=SRGB)
    red, green, blue = _open(neutralise(_labelled(data))).getpixel((8, 8))
    assert red > 240
    assert max(green, blue) < 20


@pytest.mark.parametrize("data", [b"", b"no image", _saved(_noise(5), "PNG")[:200]])
def test_what_cannot_be_decoded_comes_back_for_validation_to_refuse(data: bytes) -> None:
    assert neutralise(_labelled(data)) == _labelled(data)


def test_what_is_too_long_for_a_jpeg_comes_back_for_validation_to_refuse() -> None:
    image = _labelled(_saved(Image.new("RGB", (65_501, 1)), "PNG"))
    assert neutralise(image) is image
