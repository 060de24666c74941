"""Bytes to RGB images."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from model.errors import InvalidImage
from model.images.decoding import REASONS, Limits, decode
from model.images.formats import FORMATS
from truegrain_rig.hostile_files import encode


def photo(width: int = 60, height: int = 40) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


@pytest.mark.parametrize("format_", FORMATS)
def test_every_accepted_format_becomes_rgb(format_: str) -> None:
    decoded = decode(encode(photo(), format_))
    assert (decoded.format, decoded.rgb.mode, decoded.width, decoded.height) == (format_, "RGB", 60, 40)


def test_a_jpeg_with_further_pictures_behind_the_first_is_a_jpeg() -> None:
    assert decode(encode(photo(), "MPO", save_all=True, append_images=[photo()])).format == "JPEG"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"GIF, but only in name", "not_an_image"),
        (b"\x00\x00\x00\x1cftypheic" + bytes(40), "broken"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format_not_allowed"),
        (encode(photo(), "JPEG")[:-200], "broken"),
        (encode(photo(), "PNG")[:-40], "broken"),
        (encode(Image.new("1", (9_000, 9_000)), "PNG"), "too_many_pixels"),
        (encode(Image.new("1", (14_000, 14_000)), "PNG"), "too_many_pixels"),
        (bytes(16_000_000), "too_many_bytes"),
    ],
)
def test_what_is_no_acceptable_image_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidImage) as refused:
        decode(data)
    assert refused.value.reason == reason
    assert reason in REASONS


def test_a_small_file_that_unpacks_to_81_megapixels_is_refused_before_decoding() -> None:
    bomb = encode(Image.new("1", (9_000, 9_000)), "PNG")
    assert len(bomb) < 10_000
    with pytest.raises(InvalidImage, match="9000 x 9000 pixels; at most 50,000,000"):
        decode(bomb)


def test_every_truncation_of_a_jpeg_is_refused_or_decoded_never_anything_else() -> None:
    whole = encode(photo(24, 16), "JPEG")
    for length in range(len(whole)):
        try:
            decode(whole[:length])
        except InvalidImage as refused:
            assert refused.reason in {"empty", "not_an_image", "broken"}


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    decoded = decode(encode(photo(60, 40), "JPEG", exif=exif))
    assert (decoded.width, decoded.height) == (40, 60)


def test_exif_that_cannot_be_written_anew_turns_the_image_all_the_same() -> None:
    unit = (0x0128, 8, 1, -1, 0)  # of the resolution, as a signed number, which Pillow reads but does not write
    exif = struct.pack(">2sHIH HHIHH HHIhH I", b"MM", 42, 8, 2, 0x0112, 3, 1, 6, 0, *unit, 0)
    decoded = decode(encode(photo(60, 40), "JPEG", exif=b"Exif\0\0" + exif))
    assert (decoded.width, decoded.height) == (40, 60)


def test_a_side_that_no_picture_has_is_refused() -> None:
    assert decode(encode(Image.new("L", (1, 100_000)), "PNG")).height == 100_000
    assert decode(encode(Image.new("L", (100_000, 1)), "PNG")).width == 100_000
    with pytest.raises(InvalidImage, match="at most 1,000,000 on a side") as refused:
        decode(encode(Image.new("L", (1, 1_000_001)), "PNG"))
    assert refused.value.reason == "too_many_pixels"


def test_transparency_is_laid_on_white() -> None:
    decoded = decode(encode(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"))
    assert np.asarray(decoded.rgb).min() == 255


def test_sixteen_bits_keep_their_upper_eight() -> None:
    ramp = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    decoded = decode(encode(Image.fromarray(ramp), "PNG"))
    assert np.ptp(np.asarray(decoded.rgb)) > 250
    assert len(np.unique(np.asarray(decoded.rgb))) > 200


def test_cmyk_and_animations_become_one_rgb_image() -> None:
    assert decode(encode(photo().convert("CMYK"), "JPEG")).mode == "CMYK"
    frames = [Image.new("P", (8, 8), color) for color in range(3)]
    assert decode(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])).width == 8


def test_of_an_animation_only_the_first_frame_is_decoded() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    first, *others = (Image.fromarray(levels) for levels in noise)
    whole = encode(first, "GIF", save_all=True, append_images=others)
    spoiled = whole[: len(whole) // 2]
    assert np.array_equal(decode(spoiled).rgb, decode(whole).rgb)
    with pytest.raises(InvalidImage):
        decode(spoiled[: len(spoiled) // 6])


def test_a_bmp_that_python_would_have_to_unpack_is_refused() -> None:
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 8, 1, 16, 0, 0, 256, 0) + bytes(1024)
    start = 14 + len(header)
    runs = b"\4\7\0\0" * 4
    bmp = b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + header + runs
    assert Image.open(io.BytesIO(bmp)).getpixel((0, 0)) == 7
    with pytest.raises(InvalidImage, match="compressed BMP") as error:
        decode(bmp)
    assert error.value.reason == "format_not_allowed"


@pytest.mark.parametrize(
    ("size", "least_side", "shrunk"),
    [
        ((640, 480), 480, (640, 480)),
        ((640, 480), 241, (640, 480)),
        ((640, 480), 240, (320, 240)),
        ((640, 480), 100, (160, 120)),
        ((640, 480), 60, (80, 60)),
        ((640, 480), 1, (80, 60)),
        ((641, 483), 60, (81, 61)),
        ((60, 40), 500, (60, 40)),
        ((1, 1), 1, (1, 1)),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_keeps_the_side(
    size: tuple[int, int], least_side: int, shrunk: tuple[int, int]
) -> None:
    data = encode(photo(*size), "JPEG", quality=90)
    decoded, whole = decode(data, least_side=least_side), decode(data)
    assert decoded.rgb.size == shrunk
    assert whole.rgb.size == size
    assert whole.box == (0, 0, *size)
    scale = round(size[0] / shrunk[0])
    assert decoded.box == (0, 0, size[0] / scale, size[1] / scale)
    facts = [(one.format, one.mode, one.width, one.height, one.jpeg_quality) for one in (decoded, whole)]
    assert facts == [("JPEG", "RGB", *size, 90)] * 2


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_other_formats_are_decoded_whole(format_: str) -> None:
    data = encode(photo(640, 480), format_)
    decoded, whole = decode(data, least_side=10), decode(data)
    assert (decoded.rgb.size, decoded.box) == ((640, 480), (0, 0, 640, 480))
    assert decoded.rgb.tobytes() == whole.rgb.tobytes()


def outcome(data: bytes, **options: int) -> tuple[object, ...]:
    """Return the facts of an image, or why it is refused."""
    try:
        decoded = decode(data, **options)
    except InvalidImage as refused:
        return refused.reason, str(refused)
    return decoded.format, decoded.mode, decoded.width, decoded.height, decoded.jpeg_quality


def of_another_size(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG whose header lies about its size."""
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def with_two_sizes(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG with a second header, which says another size."""
    start = data.index(b"\xff\xc0")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
    return data[:end] + of_another_size(data[start:end], width, height) + data[end:]


@pytest.mark.parametrize("spoil", [of_another_size, with_two_sizes])
@pytest.mark.parametrize("size", [(640, 480), (320, 240), (80, 60), (641, 481), (4000, 3000), (60_000, 8), (0, 480)])
def test_a_jpeg_that_lies_about_its_size_has_the_same_outcome_at_every_scale(
    spoil: Callable[[bytes, int, int], bytes], size: tuple[int, int]
) -> None:
    data = spoil(encode(photo(640, 480), "JPEG", quality=90), *size)
    assert outcome(data, least_side=64) == outcome(data)


def test_a_damaged_jpeg_has_the_same_outcome_at_every_scale() -> None:
    random = np.random.default_rng(0)
    whole = [encode(photo(160, 120), "JPEG"), encode(photo(160, 120), "JPEG", progressive=True)]
    outcomes = []
    for number in range(400):
        data = bytearray(whole[number % 2])
        for place in random.integers(2, len(data), 3):
            data[place] = random.integers(256)
        cut = bytes(data[: random.integers(len(data))] if number % 5 == 0 else data)
        assert outcome(cut, least_side=30) == outcome(cut)
        outcomes.append(outcome(cut)[0])
    assert {"broken", "JPEG"} <= set(outcomes)


def test_limits_are_parameters() -> None:
    with pytest.raises(InvalidImage, match="at most 100 pixels"):
        decode(encode(photo(), "PNG"), limits=Limits(max_pixels=100))


def one_colour(side: int) -> bytes:
    """Return a picture of one colour: about forty bytes for any side."""
    return encode(Image.new("RGB", (side, side), "red"), "WEBP", lossless=True, method=0)


def test_a_file_of_40_bytes_with_megapixels_of_one_colour_is_refused_before_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bomb = one_colour(3_000)
    monkeypatch.setattr("model.images.decoding.load", lambda _: pytest.fail("its pixels were decoded"))
    with pytest.raises(InvalidImage, match=r"3000 x 3000 pixels in \d\d bytes.* at most 1,000 pixels a byte") as error:
        decode(bomb)
    assert error.value.reason == "too_many_pixels"


@pytest.mark.parametrize("limits", [Limits(max_pixels_per_byte=1_000_000), Limits()])
def test_pixels_a_byte_are_a_parameter_and_asked_of_large_images_alone(limits: Limits) -> None:
    side = 2_100 if limits.max_pixels_per_byte > 1_000 else 2_048
    assert decode(one_colour(side), limits=limits).width == side


def test_a_page_that_is_blank_but_for_one_line_is_decoded() -> None:
    page = Image.new("L", (2_480, 3_508), 255)
    ImageDraw.Draw(page).text(
        (200, 200), "The quick brown fox jumps over the lazy dog", font=ImageFont.load_default(40)
    )
    for format_, depth in (("PNG", "1"), ("PNG", "L"), ("PNG", "RGB"), ("WEBP", "RGB"), ("JPEG", "RGB"), ("GIF", "P")):
        assert decode(encode(page.convert(depth), format_)).height == 3_508
