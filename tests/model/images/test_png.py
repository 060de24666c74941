"""PNG files whose ancillary chunks are damaged, too long or too many, and their transparent colours."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import SOURCE_LIMITS, decode, open_image
from model.images.fingerprint import fingerprint
from model.images.png import LONGEST_PROFILE, read_texts

HEAD = 33
"""Bytes of the signature and the first chunk."""
END = 12


def chunk(kind: bytes, content: bytes, *, sound: bool = True) -> bytes:
    checksum = zlib.crc32(kind + content) ^ (not sound)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def picture() -> bytes:
    noise = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise))


def encode(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def with_chunk(added: bytes) -> bytes:
    return picture()[:HEAD] + added + picture()[HEAD:]


def raw(depth: int, colours: int, rows: list[bytes], *chunks: bytes) -> bytes:
    """Return a PNG of rows of packed levels, as wide as high."""
    header = struct.pack(">IIBBBBB", len(rows), len(rows), depth, colours, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def levels(data: bytes) -> np.ndarray:
    return np.asarray(decode(data).rgb)


MEGABYTES = zlib.compress(bytes(64_000_000))
ANCILLARY = {
    "a text of 64 MB": chunk(b"zTXt", b"workflow\0\0" + MEGABYTES),
    "a long text": chunk(b"tEXt", b"prompt\0" + b"a" * 2_000_000),
    "an international text of 64 MB": chunk(b"iTXt", b"a\0\1\0\0\0" + MEGABYTES),
    "a text that is not packed": chunk(b"zTXt", b"a\0\0garbage"),
    "a text without its end": chunk(b"iTXt", b"a"),
    "a hundred texts": b"".join(chunk(b"zTXt", b"a%d\0\0" % n + zlib.compress(b"x" * 1_000_000)) for n in range(100)),
    "a profile of 64 MB": chunk(b"iCCP", b"a\0\0" + MEGABYTES),
    "a profile that is none": chunk(b"iCCP", b"a\0\7garbage"),
    "an empty profile": chunk(b"iCCP", b""),
    "a wrong checksum": chunk(b"pHYs", bytes(9), sound=False),
    "too short a chunk": chunk(b"pHYs", b"") + chunk(b"gAMA", b"") + chunk(b"cHRM", b"") + chunk(b"sRGB", b""),
    "Exif that is none": chunk(b"eXIf", b"garbage"),
    "Exif in Japanese": chunk(b"eXIf", "日本".encode()),
    "empty Exif": chunk(b"eXIf", b""),
    "Exif of a wrong checksum": chunk(b"eXIf", b"MM\0*" + bytes(4), sound=False),
    "Exif as text": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n3\nxyz\n")),
    "an unknown chunk": chunk(b"prIV", b"x" * 100),
    "transparency of a wrong checksum": chunk(b"tRNS", bytes(6), sound=False),
    "transparency of a wrong length": chunk(b"tRNS", bytes(5)),
    "animation that is none": chunk(b"acTL", b"\0", sound=False),
}


@pytest.mark.parametrize("name", ANCILLARY)
def test_an_ancillary_chunk_that_is_damaged_or_too_long_is_passed_over(name: str) -> None:
    expected, data = levels(picture()), with_chunk(ANCILLARY[name])
    assert (levels(data) == expected).all()
    behind = picture()[:-END] + ANCILLARY[name] + picture()[-END:]
    assert (levels(behind) == expected).all()
    assert fingerprint(data).decode_error is None


def test_a_critical_chunk_of_a_wrong_checksum_is_not_passed_over() -> None:
    data = bytearray(picture())
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(InvalidImage):
        decode(bytes(data))


def test_a_file_of_many_tiny_chunks_is_refused() -> None:
    assert decode(with_chunk(chunk(b"abCd", b"") * 500)).format == "PNG"
    with pytest.raises(InvalidImage, match="more parts than an image should have; save it again"):
        decode(with_chunk(chunk(b"abCd", b"") * 50_000))


def exif(orientation: int) -> bytes:
    written = Image.Exif()
    written[0x0112] = orientation
    return written.tobytes()


def test_exif_turns_the_picture_before_and_behind_the_pixels_but_not_as_a_text() -> None:
    turned = chunk(b"eXIf", exif(6).removeprefix(b"Exif\0\0"))
    assert decode(with_chunk(turned)).width == 48
    assert decode(picture()[:-END] + turned + picture()[-END:]).width == 48
    text = f"\nexif\n{len(exif(6))}\n{exif(6).hex()}\n".encode()
    assert decode(with_chunk(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))).width == 64


def test_a_colour_profile_is_kept() -> None:
    data = with_chunk(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"profile")))
    assert open_image(data, limits=SOURCE_LIMITS).info["icc_profile"] == b"profile"
    assert fingerprint(data).has_icc
    assert not fingerprint(picture()).has_icc
    large = with_chunk(ANCILLARY["a profile of 64 MB"])
    assert len(open_image(large, limits=SOURCE_LIMITS).info["icc_profile"]) == LONGEST_PROFILE


def test_texts_are_read_whole_or_in_part() -> None:
    data = with_chunk(
        chunk(b"tEXt", b"Software\0NovelAI \xe9")
        + chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"a" * 100))
        + chunk(b"iTXt", b"parameters\0\0\0de\0Parameter\0" + "Füchse".encode())
        + chunk(b"iTXt", b"packed\0\1\0\0\0" + zlib.compress(b"b" * 100))
        + chunk(b"zTXt", b"broken\0\0garbage")
    )
    assert dict(read_texts(data, most=10, longest=20)) == {
        "Software": "NovelAI é",
        "prompt": "a" * 20,
        "parameters": "Füchse",
        "packed": "b" * 20,
        "broken": "",
    }
    assert len(list(read_texts(data, most=2, longest=20))) == 2


@pytest.mark.parametrize(("depth", "key"), [(1, 1), (2, 2), (4, 9), (8, 200), (16, 51_400)])
def test_a_transparent_grey_of_any_depth_is_laid_on_white(depth: int, key: int) -> None:
    other, side = (key + 1) & (1 << depth) - 1, 8
    row = "".join(format(key if column < 4 else other, f"0{depth}b") for column in range(side))
    data = raw(depth, 0, [int(row, 2).to_bytes(side * depth // 8)] * side, chunk(b"tRNS", struct.pack(">H", key)))
    found = levels(data)
    white = (1 << depth) - 1
    assert (found[:, :4] == 255).all()
    assert (found[:, 4:] == other * 255 // white).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_is_the_twin_of_its_rgba(depth: int) -> None:
    side, colour, other = 8, (200, 10, 30), (200, 10, 31)
    wide = depth // 8
    row = b"".join(bytes([level]).ljust(wide, b"\0") for pixel in (colour, other) * 4 for level in pixel)
    key = b"".join(bytes([level]).ljust(wide, b"\0").rjust(2, b"\0") for level in colour)
    rgba = np.array([[[*colour, 0], [*other, 255]] * 4] * side, dtype=np.uint8)
    twin = encode(Image.fromarray(rgba))
    assert (levels(raw(depth, 2, [row] * side, chunk(b"tRNS", key))) == levels(twin)).all()


def test_a_transparent_colour_above_the_depth_is_cut_as_browsers_do() -> None:
    data = raw(8, 0, [bytes([7]) * 8] * 8, chunk(b"tRNS", struct.pack(">H", 0x0107)))
    assert (levels(data) == 255).all()


def test_transparency_of_a_palette_is_laid_on_white() -> None:
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    rows = [bytes([0, 1] * 4)] * 8
    assert (levels(raw(8, 3, rows, palette, chunk(b"tRNS", b"\0")))[:, 0] == 255).all()
    longer = levels(raw(8, 3, rows, palette, chunk(b"tRNS", bytes(300))))
    assert (longer[0, 0] == [10, 20, 30]).all()
