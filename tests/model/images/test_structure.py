"""No image file costs far more than its bytes and pixels justify."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from model.errors import InvalidImage
from model.images.decoding import decode
from model.images.directories import MOST_FRACTIONS, MOST_TAGS
from model.images.provenance.reading import read_provenance
from model.images.structure import (
    MOST_SCANS,
    MOST_SEGMENTS,
    MOST_STRIPS,
    PiecewiseFile,
)

END = b"\xff\xd9"
SCAN = b"\xff\xda"


def encode(format_: str, size: tuple[int, int] = (48, 64), **options: object) -> bytes:
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, format_, **options)
    return file.getvalue()


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are `count`."""
    whole = encode("JPEG", quality=90, progressive=True)
    last = whole[whole.rindex(SCAN) : -len(END)]
    return whole[: -len(END)] + last * (count - whole.count(SCAN)) + END


def with_segments(segment: bytes, count: int) -> bytes:
    whole = encode("JPEG")
    return whole[:2] + segment * count + whole[2:]


def tiff(tags: dict[int, tuple[int, int, int | None]], behind: bytes = b"", *, big: bool = False) -> bytes:
    """Return a TIFF with these tags (type, count, value); the value None stands for the offset of `behind`."""
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, 8)
    size, place = (
        (20 if big else 12),
        len(head) + (8 if big else 2) + len(tags) * (20 if big else 12) + (8 if big else 4),
    )
    file = head + struct.pack("<Q" if big else "<H", len(tags))
    for tag, (kind, count, value) in sorted(tags.items()):
        entry = struct.pack("<HHQQ" if big else "<HHII", tag, kind, count, place if value is None else value)
        assert len(entry) == size
        file += entry
    return file + bytes(8 if big else 4) + behind


def tiled(width: int, height: int, tile: tuple[int, int], *, big: bool = False) -> bytes:
    """Return a grey TIFF whose equal tiles are stored at one offset."""
    data = zlib.compress(bytes(tile[0] * tile[1]))
    count = -(-width // tile[0]) * -(-height // tile[1])
    long = 16 if big else 4
    tags: dict[int, tuple[int, int, int | None]] = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 1),
        322: (4, 1, tile[0]), 323: (4, 1, tile[1]), 324: (long, count, None), 325: (long, count, None),
    }  # fmt: skip
    if count == 1:
        place = len(tiff(tags, big=big))
        tags |= {324: (long, 1, place), 325: (long, 1, len(data))}
        return tiff(tags, data, big=big)
    number = "<Q" if big else "<I"
    place = len(tiff(tags, big=big))
    tags[325] = (long, count, place + count * struct.calcsize(number))
    start = place + 2 * count * struct.calcsize(number)
    return tiff(tags, struct.pack(number, start) * count + struct.pack(number, len(data)) * count + data, big=big)


def reason_of(data: bytes) -> str:
    with pytest.raises(InvalidImage) as error:
        decode(data)
    return error.value.reason


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}, {"exif": b"Exif\0\0II"}])
def test_what_encoders_write_is_decoded(options: dict[str, object]) -> None:
    assert decode(encode("JPEG", **options)).format == "JPEG"


def test_a_jpeg_with_one_scan_too_many_is_refused() -> None:
    assert decode(with_scans(MOST_SCANS)).format == "JPEG"
    with pytest.raises(InvalidImage, match="30 scans") as error:
        decode(with_scans(MOST_SCANS + 1))
    assert error.value.reason == "too_many_scans"


@pytest.mark.parametrize("before", [b"\xff", b"rubbish"])
def test_scans_cannot_hide_behind_fill_bytes_or_rubbish(before: bytes) -> None:
    assert reason_of(with_scans(MOST_SCANS + 1).replace(SCAN, before + SCAN)) == "too_many_scans"


def test_what_lies_behind_the_image_or_in_its_metadata_is_not_counted() -> None:
    behind = encode("JPEG") + SCAN * (MOST_SCANS + 1)
    comment = encode("JPEG", comment=SCAN * (MOST_SCANS + 1))
    for data in (behind, comment):
        assert data.count(SCAN) > MOST_SCANS
        assert decode(data).format == "JPEG"


@pytest.mark.parametrize("data", [b"\xff\xd8", b"\xff\xd8" + SCAN, b"\xff\xd8" + (SCAN + b"\0\0") * (MOST_SCANS - 1)])
def test_counting_ends_with_the_data(data: bytes) -> None:
    assert reason_of(data) != "too_many_scans"


def test_a_jpeg_with_more_segments_than_a_picture_has_is_refused() -> None:
    comment = b"\xff\xfe\0\2"
    assert decode(with_segments(comment, MOST_SEGMENTS // 2)).format == "JPEG"
    assert reason_of(with_segments(comment, MOST_SEGMENTS)) == "broken"


def test_a_file_of_many_tiny_parts_is_refused() -> None:
    png, gif = encode("PNG"), encode("GIF")
    chunk = struct.pack(">I4sI", 0, b"abCd", zlib.crc32(b"abCd"))
    assert decode(png[:33] + chunk * 500 + png[33:]).format == "PNG"
    with pytest.raises(InvalidImage, match="more parts than an image should have; save it again"):
        decode(png[:33] + chunk * 50_000 + png[33:])
    palette = 13 + (3 << ((gif[10] & 7) + 1))
    assert reason_of(gif[:palette] + b"!\xfe\x01A\0" * 50_000 + gif[palette:]) == "broken"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF"])
def test_a_large_picture_is_read_in_far_fewer_parts_than_it_may_be(format_: str) -> None:
    data = encode(format_, size=(1_500, 1_000))
    file = PiecewiseFile(data)
    before = file._left
    with Image.open(file) as image:
        image.load()
    assert before - file._left < before / 5


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("size", "tile"),
    [((16, 16), (64, 64)), ((300, 200), (256, 256)), ((3_000, 100), (256, 256)), ((1_000, 2_000), (1_008, 2_000))],
)
def test_tiles_as_programs_write_them_are_decoded(size: tuple[int, int], tile: tuple[int, int], *, big: bool) -> None:
    image = decode(tiled(*size, tile, big=big))
    assert (image.width, image.height) == size


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("size", "tile"), [((16, 16), (16, 32_752)), ((16, 8_000), (1_024, 1_024))])
def test_tiles_far_larger_than_the_image_are_refused(
    size: tuple[int, int], tile: tuple[int, int], *, big: bool
) -> None:
    assert reason_of(tiled(*size, tile, big=big)) == "broken"


def test_tiles_without_a_size_are_refused() -> None:
    width = struct.pack("<HHI", 322, 4, 1)
    assert width in (data := tiled(16, 16, (16, 16)))
    assert reason_of(data.replace(width, struct.pack("<HHI", 322, 4, 0))) == "broken"


def test_a_tiff_of_too_many_strips_is_refused() -> None:
    count = MOST_STRIPS + 1
    tags: dict[int, tuple[int, int, int | None]] = {
        256: (4, 1, 8), 257: (4, 1, 64), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (3, count, None),
        277: (3, 1, 1), 278: (4, 1, 1),
    }  # fmt: skip
    with pytest.raises(InvalidImage, match="65,536 strips or tiles"):
        decode(tiff(tags, struct.pack("<H", 8) * count))


def test_jpegs_in_a_tiff_have_few_scans() -> None:
    data = encode("TIFF", compression="jpeg")
    assert TiffImagePlugin.COMPRESSION_INFO[7] == "jpeg"
    assert decode(data).format == "TIFF"
    assert reason_of(data + SCAN * (MOST_SCANS + 1)) == "too_many_scans"


def test_provenance_reads_no_more_parts_than_an_image_has() -> None:
    png = encode("PNG")
    chunk = struct.pack(">I4sI", 0, b"abCd", zlib.crc32(b"abCd"))
    assert read_provenance(png[:33] + chunk * 50_000 + png[33:], format_="PNG") == ()


def test_a_tiff_whose_directory_lies_nowhere_is_no_image() -> None:
    assert reason_of(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 2**64 - 1) + bytes(60)) == "not_an_image"


def grey(width: int, strips: int, packed: bytes, length: int, **more: tuple[int, int, int | None]) -> bytes:
    """A grey TIFF of so many strips, all in the same `length` bytes, which begin with `packed`."""
    tags: dict[int, tuple[int, int, int | None]] = {
        256: (4, 1, width), 257: (4, 1, strips), 258: (3, 1, 8), 259: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 1),
        278: (4, 1, 1), 273: (4, strips, None), 279: (4, strips, None),
    }  # fmt: skip
    tags |= {int(tag[1:]): value for tag, value in more.items()}
    place = len(tiff(tags))
    tags |= {279: (4, strips, place + 4 * strips)}
    start = place + 8 * strips
    tables = struct.pack("<I", start) * strips + struct.pack("<I", length) * strips
    return tiff(tags, tables + packed.ljust(length, b"\0"))


def test_strips_that_share_some_bytes_are_decoded_and_those_that_share_a_megabyte_are_not() -> None:
    packed = zlib.compress(bytes(8))
    image = decode(grey(8, 2_000, packed, len(packed)))
    assert (image.width, image.height) == (8, 2_000)
    assert reason_of(grey(8, 2_000, packed, 1_000_000)) == "broken"


def test_tags_that_share_a_megabyte_are_refused_before_libtiff_holds_each() -> None:
    packed = zlib.compress(bytes(8))
    few, many = ({f"t{40_000 + number}": (1, 1_000_000, 8) for number in range(count)} for count in (1, 500))
    assert decode(grey(8, 2, packed, 1_000_000, **few)).height == 2
    assert reason_of(grey(8, 2, packed, 1_000_000, **many)) == "broken"


def test_a_tiff_of_which_two_programs_see_two_pictures_is_refused() -> None:
    assert reason_of(b"MM\0+" + bytes(1_000)) == "format_not_allowed"


def exif(fractions: int, *, tags: int = 0, below: int | None = None) -> bytes:
    """Exif of a picture that lies on its side, with a tag of so many fractions, and `tags` more.

    With `below`, its Exif and GPS directories are at that place.
    """
    entries: dict[int, tuple[int, int, int | None]] = {274: (3, 1, 6), 40_000: (5, fractions, None)}
    entries |= {41_000 + number: (3, 1, 7) for number in range(tags)}
    if below is not None:
        entries |= {34_665: (4, 1, below), 34_853: (4, 1, below)}
    return tiff(entries, struct.pack("<II", 1, 2) * fractions)


def hostile_exif() -> list[bytes]:
    return [
        exif(MOST_FRACTIONS + 1),
        exif(2, tags=MOST_TAGS // 3, below=8),
        exif(MOST_FRACTIONS // 3 + 1, below=8),
    ]


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_exif_that_says_more_than_a_picture_does_turns_it_and_is_read_no_further(format_: str) -> None:
    upright = decode(encode(format_, exif=b"Exif\0\0" + exif(1_000, tags=1_000, below=8)))
    assert (upright.width, upright.height) == (64, 48)
    for hostile in hostile_exif():
        data = encode(format_, exif=b"Exif\0\0" + hostile)
        assert decode(data).width == 64
        assert read_provenance(data, format_=format_) == ()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_that_announces_any_number_of_tags_is_no_reason_to_refuse_a_photograph() -> None:
    entries = struct.pack("<HHIHH", 274, 3, 1, 6, 0) + np.random.default_rng(2).bytes(65_000)
    damaged = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 65_535) + entries
    image = decode(encode("JPEG", exif=damaged))
    assert (image.width, image.height) == (64, 48)


def test_wrong_lengths_of_strips_that_nobody_looks_at_are_no_reason_to_refuse_a_tiff() -> None:
    whole = grey(8, 2_000, b"", 16_000)
    plain = whole.replace(struct.pack("<HHII", 259, 4, 1, 8), struct.pack("<HHII", 259, 4, 1, 1))
    raw = plain.replace(struct.pack("<HHII", 259, 3, 1, 8), struct.pack("<HHII", 259, 3, 1, 1))
    assert decode(raw).height == 2_000


def test_a_directory_that_ends_with_the_file_hides_nothing() -> None:
    whole = tiff({256: (3, 1, 8), 257: (3, 1, 8), 40_000: (5, 200_000, 8)})
    cut = struct.pack("<2sHI", b"II", 42, 1_600_008) + bytes(1_600_000) + struct.pack("<H", 9) + whole[10:-4]
    assert reason_of(cut) == "broken"
