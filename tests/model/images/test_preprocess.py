"""From image to array."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.images.decoding import DecodedImage, decode
from model.images.preprocess import VERSIONS, Preprocess

SLOW, FAST = Preprocess(32, version=1), Preprocess(32, version=2)

MEAN_TOLERANCE, MOST_TOLERANCE = 1.0, 25
"""Levels that a pixel of the fast path may be away from that of the slow path, on average and at most."""


def texture(width: int, height: int, *, seed: int = 0) -> Image.Image:
    """Return a picture with detail of all sizes, from a third of its side to one pixel, as photographs have."""
    random = np.random.default_rng(seed)
    levels = np.full((height, width, 3), 128.0)
    for cells in (3, 10, 30, 100):
        coarse = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        levels += (np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) - 128.0) / cells**0.5
    levels += random.normal(0, 3, levels.shape)
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def encode(image: Image.Image, format_: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def differences(data: bytes) -> np.ndarray:
    """Return how many levels the fast path is away from the slow path."""
    return np.abs(FAST.read(data).astype(int) - SLOW.read(data))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [(64, 64), (200, 100), (33, 90), (8, 8), (500, 700)])
def test_any_image_becomes_a_square_array(size: tuple[int, int], version: int) -> None:
    pixels = Preprocess(32, version=version)(Image.new("RGB", size, (10, 20, 30)))
    assert (pixels.shape, pixels.dtype) == ((32, 32, 3), np.uint8)
    assert (pixels == (10, 20, 30)).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_image_of_the_right_size_is_untouched(version: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert (Preprocess(32, version=version)(Image.fromarray(noise)) == noise).all()
    assert (Preprocess(32, version=version).read(encode(Image.fromarray(noise), "PNG")) == noise).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_only_the_central_square_counts(version: int) -> None:
    wide = np.zeros((32, 96, 3), dtype=np.uint8)
    wide[:, 32:64] = 200
    assert (Preprocess(32, version=version)(Image.fromarray(wide)) == 200).all()


def test_the_first_version_resamples_every_pixel_of_the_square() -> None:
    data = encode(texture(700, 500))
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    square = whole.resize((32, 32), Image.Resampling.BICUBIC, (100, 0, 600, 500))
    assert (SLOW.read(data) == np.asarray(square)).all()


@pytest.mark.parametrize("size", [(32, 32), (20, 31), (64, 64), (90, 65), (127, 127), (500, 127)])
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_an_image_below_four_times_the_input_has_the_same_pixels_in_every_version(
    size: tuple[int, int], format_: str
) -> None:
    assert not differences(encode(texture(*size), format_)).any()


@pytest.mark.parametrize("size", [(128, 128), (333, 257), (640, 480), (1201, 803), (3000, 150)])
@pytest.mark.parametrize(
    ("mode", "format_", "options"),
    [
        ("RGB", "JPEG", {"quality": 90}),
        ("RGB", "JPEG", {"quality": 75, "progressive": True}),
        ("RGB", "JPEG", {"quality": 90, "subsampling": "4:4:4"}),
        ("L", "JPEG", {}),
        ("CMYK", "JPEG", {}),
        ("RGB", "MPO", {"save_all": True, "append_images": [Image.new("RGB", (160, 90))]}),
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("RGB", "WEBP", {"quality": 90}),
        ("RGB", "TIFF", {}),
    ],
)
def test_the_fast_path_stays_within_its_tolerance_of_the_slow_one(
    size: tuple[int, int], mode: str, format_: str, options: dict[str, object]
) -> None:
    away = differences(encode(texture(*size).convert(mode), format_, **options))
    assert away.mean() < MEAN_TOLERANCE
    assert away.max() < MOST_TOLERANCE


@pytest.mark.parametrize("size", [(345, 259), (261, 515)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_shrunk_picture_is_turned_upright_and_lies_where_the_whole_one_does(
    size: tuple[int, int], orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(texture(*size), quality=95, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    shrunk = decode(data, least_side=64)
    assert (shrunk.width, shrunk.height) == upright.size
    assert shrunk.rgb.width < upright.width
    assert differences(data).mean() < MEAN_TOLERANCE
    assert differences(data).max() < MOST_TOLERANCE


@pytest.mark.parametrize("preprocess", [SLOW, FAST])
def test_a_file_is_decoded_no_further_than_the_version_needs(
    preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []

    def note(*arguments: object, **options: object) -> DecodedImage:
        decoded = decode(*arguments, **options)
        sides.append(min(decoded.rgb.size))
        return decoded

    monkeypatch.setattr("model.images.preprocess.decode", note)
    preprocess.read(encode(texture(640, 520)))
    assert sides == ([520] if preprocess is SLOW else [65])


def test_a_version_of_a_later_release_and_a_size_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"version 3 is none of 1, 2: a later Truegrain"):
        Preprocess(32, version=3)
    with pytest.raises(ValueError, match="size is 0"):
        Preprocess(0)
