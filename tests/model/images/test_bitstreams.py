"""The pixels that a coded picture takes, by its own headers."""

import io

import pytest
from PIL import Image

from model.errors import InvalidImage
from model.images.bitstreams import MOST_UNITS, count_av1_pixels, count_hevc_pixels
from model.images.isobmff import read_container
from truegrain_rig.boxed_files import coded


def hevc(size: tuple[int, int]) -> tuple[bytes, bytes]:
    part = coded(Image.new("RGB", size, "red"))
    return dict(part.properties)[b"hvcC"], part.data


def av1(size: tuple[int, int], mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, "red").save(file, "AVIF", speed=10)
    found = read_container(file.getvalue())
    return found.items[found.primary or 0].read(file.getvalue())


@pytest.mark.parametrize("size", [(64, 64), (128, 64), (640, 448), (1_920, 1_088)])
def test_the_size_is_that_of_the_picture(size: tuple[int, int]) -> None:
    configuration, data = hevc(size)
    assert count_hevc_pixels(configuration, data) == size[0] * size[1]
    assert count_av1_pixels(av1(size)) == size[0] * size[1]


def test_each_picture_counts() -> None:
    configuration, data = hevc((128, 64))
    assert count_hevc_pixels(configuration, data * 5) == 5 * 128 * 64
    assert count_av1_pixels(av1((128, 64)) * 5) == 5 * 128 * 64


def test_a_larger_size_among_the_pixels_counts() -> None:
    (small, data), (large, _) = hevc((64, 64)), hevc((640, 448))
    unit = next(large[place - 2 :] for place in range(len(large)) if large[place : place + 2] == b"\x42\x01")
    size = int.from_bytes(unit[:2])
    hidden = size.to_bytes(4) + unit[2 : 2 + size]
    assert count_hevc_pixels(small, hidden + data) == 640 * 448


@pytest.mark.parametrize("cut", [0, 10, 30])
def test_what_ends_too_early_is_damaged(cut: int) -> None:
    configuration, data = hevc((64, 64))
    with pytest.raises(InvalidImage, match="too early"):
        count_hevc_pixels(configuration[:cut], data)
    with pytest.raises(InvalidImage, match="too early"):
        count_hevc_pixels(configuration, data[:-1])
    with pytest.raises(InvalidImage, match="too early"):
        count_av1_pixels(av1((64, 64))[:-1])


def test_too_many_units_are_refused() -> None:
    configuration, _ = hevc((64, 64))
    with pytest.raises(InvalidImage, match="more than 4,096 units"):
        count_hevc_pixels(configuration, bytes(4) * (MOST_UNITS + 1))
    with pytest.raises(InvalidImage, match="more than 4,096 units"):
        count_av1_pixels(b"\x12\0" * (MOST_UNITS + 1))
