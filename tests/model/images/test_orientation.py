"""The orientation in Exif, read as browsers read it."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.images.decoding import decode
from model.images.orientation import read_orientation

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def tag(number: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack(">HHI4s", number, kind, count, value)


def exif(*tags: bytes, head: bytes = b"Exif\0\0MM\0*") -> bytes:
    return head + struct.pack(">IH", 8, len(tags)) + b"".join(tags) + bytes(4)


TURNED = tag(0x0112, 3, 1, b"\0\6")


def photo(**options: object) -> bytes:
    ramp = np.linspace(0, 255, 60 * 40 * 3).reshape(40, 60, 3).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", range(14))
@pytest.mark.parametrize("number", [6, 0x010F, 0x0110, 0x011A, 0x0128, 0x0132, 0x8769, 0x8825, 0x9286, 0xA005, 0xFDE8])
def test_no_other_tag_of_any_type_keeps_a_photograph_from_being_turned(number: int, kind: int) -> None:
    odd = tag(number, kind, 1, b"\xff\xff\xff\xff")
    for tags in ((odd, TURNED), (TURNED, odd)):
        assert read_orientation(exif(*tags)) == 6


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow reads the resolution of a JPEG there
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_an_odd_tag_does_not_matter_in_a_file(format_: str) -> None:
    for odd in (tag(0x0128, 8, 1, b"\xff\xff"), tag(6, 5, 1, b"\0\0\0\1"), tag(0x8825, 4, 1, b"\xff" * 4)):
        assert decode(photo(format=format_, exif=exif(odd, TURNED))).width == 40


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_what_pillow_makes_of_it(orientation: int) -> None:
    written = Image.Exif()
    written[0x0112] = orientation
    data = photo(format="PNG", exif=written)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(decode(data).rgb, expected)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"Exif\0\0",
        b"garbage",
        exif(TURNED)[:20],
        exif(TURNED, head=b"Exif\0\0MM\0+"),
        exif(tag(0x0112, 4, 1, b"\0\0\0\6")),
        exif(tag(0x0112, 3, 2, b"\0\6\0\6")),
        exif(tag(0x0112, 3, 0, b"\0\6")),
        exif(tag(0x0112, 3, 1, b"\0\0")),
        exif(tag(0x0112, 3, 1, b"\0\x09")),
        b"MM\0*" + struct.pack(">I", 0xFFFFFFFF) + bytes(60),
    ],
)
def test_what_browsers_do_not_take_for_an_orientation_turns_nothing(damaged: bytes) -> None:
    assert read_orientation(damaged) == 1


def test_either_byte_order_and_a_repeated_head() -> None:
    assert read_orientation(b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0)) == 6
    assert read_orientation(b"Exif\0\0" + exif(TURNED)) == 6


def test_the_first_of_two_orientations_counts() -> None:
    assert read_orientation(exif(TURNED, tag(0x0112, 3, 1, b"\0\3"))) == 6


def test_xmp_alone_turns_nothing() -> None:
    for format_ in ("JPEG", "WEBP", "AVIF"):
        assert decode(photo(format=format_, xmp=XMP)).width == 60
