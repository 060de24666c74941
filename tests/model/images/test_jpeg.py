"""JPEG files with segments of metadata that are damaged, too short, too many or too long."""

import struct

import numpy as np
import pytest
from PIL import Image

from model.images.decoding import decode
from model.images.fingerprint import fingerprint
from model.images.jpeg import MOST_EXIF
from truegrain_rig.hostile_files import encode

NAMES = (
    b"",
    b"JFIF\0",
    b"Exif\0\0",
    b"ICC_PROFILE\0",
    b"MPF\0",
    b"Photoshop 3.0\0",
    b"Adobe",
    b"http://ns.adobe.com/xap/1.0/\0",
)


def photo(**options: object) -> bytes:
    noise = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise), "JPEG", **options)


def with_segment(marker: int, content: bytes, count: int = 1) -> bytes:
    segment = bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content
    return photo()[:2] + segment * count + photo()[2:]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE])
@pytest.mark.parametrize("name", NAMES)
def test_a_segment_of_metadata_of_any_length_is_passed_over(marker: int, name: bytes) -> None:
    if marker == 0xEE and name == b"Adobe":
        return  # from seven bytes on it tells how colours are coded
    expected = np.asarray(decode(photo()).rgb)
    for length in (0, 1, 2, 3, 12, 300):
        for junk in (bytes(length), b"\xff" * length):
            assert np.array_equal(decode(with_segment(marker, name + junk)).rgb, expected)


def test_a_segment_of_adobe_that_is_too_short_is_passed_over() -> None:
    assert decode(with_segment(0xEE, b"Adobe")).format == "JPEG"


def exif() -> bytes:
    written = Image.Exif()
    written[0x0112] = 6
    return written.tobytes()


@pytest.mark.parametrize("count", [1, MOST_EXIF, MOST_EXIF + 1, 1_000])
def test_any_number_of_segments_of_exif_turns_the_picture_once(count: int) -> None:
    data = with_segment(0xE1, exif(), count)
    assert (decode(data).width, decode(data).height) == (48, 64)
    assert fingerprint(data).has_exif


def test_further_pictures_behind_the_first_stay_where_they_are() -> None:
    picture = Image.new("RGB", (64, 48), "red")
    data = encode(picture, "MPO", save_all=True, append_images=[picture])
    short = data[:2] + b"\xff\xe2\0\x0eICC_PROFILE\0" + data[2:]
    assert decode(short).format == "JPEG"
