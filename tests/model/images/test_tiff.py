"""TIFF files whose tags of metadata are damaged."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from model.images.decoding import decode
from model.images.fingerprint import fingerprint
from model.images.provenance.reading import read_provenance
from truegrain_rig.hostile_files import encode

METADATA = (270, 271, 272, 282, 296, 305, 315, 700, 33432, 33723, 34377, 34665, 34675, 34853, 37724, 65000)


def photo(**options: object) -> bytes:
    noise = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise), "TIFF", **options)


def with_tag(tag: int, kind: int, count: int, value: bytes) -> bytes:
    """Return a TIFF with a further tag; its directory is moved to the end."""
    data = photo()
    (start,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, start)
    tags = [data[start + 2 + 12 * number : start + 14 + 12 * number] for number in range(entries)]
    tags = sorted(
        [*tags, struct.pack("<HHI4s", tag, kind, count, value)], key=lambda each: struct.unpack("<H", each[:2])
    )
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + struct.pack("<H", len(tags)) + b"".join(tags) + bytes(4)


@pytest.mark.parametrize("tag", METADATA)
def test_a_tag_of_metadata_of_any_type_and_length_is_passed_over(tag: int) -> None:
    expected = np.asarray(decode(photo()).rgb)
    for kind in range(14):
        for count in (0, 1, 2, 100_000):
            for value in (b"", b"\xff" * 4):
                assert np.array_equal(decode(with_tag(tag, kind, count, value)).rgb, expected)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("big", [False, True])
def test_the_picture_is_what_pillow_makes_of_the_whole_file(compression: str | None, *, big: bool) -> None:
    data = photo(compression=compression, big_tiff=big, description="a cat", software="x")
    with Image.open(io.BytesIO(data)) as whole:
        assert np.array_equal(decode(data).rgb, whole)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "LA"])
def test_every_mode_keeps_its_name_and_is_decoded(mode: str) -> None:
    levels = np.linspace(0, 255, 64).reshape(8, 8).astype(np.uint8)
    image = Image.fromarray(levels.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(levels).convert(mode)
    assert decode(encode(image, "TIFF")).mode == mode


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_once(orientation: int) -> None:
    expected = decode(encode(Image.fromarray(np.asarray(decode(photo()).rgb)), "PNG", exif=exif(orientation))).rgb
    assert np.array_equal(decode(photo(exif=exif(orientation))).rgb, expected)


def exif(orientation: int) -> Image.Exif:
    written = Image.Exif()
    written[0x0112] = orientation
    return written


def test_pages_and_profiles_and_the_camera_are_still_found() -> None:
    page = Image.new("RGB", (8, 8))
    assert fingerprint(encode(page, "TIFF", save_all=True, append_images=[page])).animated
    assert not fingerprint(encode(page, "TIFF")).animated
    assert fingerprint(encode(page, "TIFF", icc_profile=bytes(200))).has_icc
    written = Image.Exif()
    written[0x010F], written[0x0110] = "Canon", "Canon EOS R5"
    [finding] = read_provenance(encode(page, "TIFF", exif=written), format_="TIFF")
    assert finding.name == "Canon EOS R5"
