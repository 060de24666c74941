"""HEIC and AVIF files, as telephones and browsers write them and as nobody should."""

import io
import struct
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import Limits, decode
from model.images.heif import MOST_WORK
from model.images.isobmff import MOST_ITEMS, read_container
from truegrain_rig.boxed_files import Box, Part, box, boxed, coded, extent, grid, heic, resized

BRANDS = (b"avif", b"avif", b"mif1", b"miaf")


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A picture whose four corners differ."""
    colours = np.array([[[220, 30, 30], [30, 200, 30]], [[30, 30, 220], [240, 240, 240]]], dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)


def avif(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "AVIF", **options)
    return file.getvalue()


def part_of(data: bytes) -> Part:
    found = read_container(data)
    item = found.items[found.primary or 0]
    return Part(item.kind, item.read(data), [(each.kind, each.content) for each in item.properties])


def avif_with(
    properties: Sequence[Box], *, brands: Sequence[bytes] = BRANDS, image: Image.Image | None = None
) -> bytes:
    part = part_of(avif(image or scene(), quality=95))
    return boxed([Part(part.kind, part.data, [*part.properties, *properties])], brands=brands)


def difference(image: Image.Image, other: Image.Image) -> float:
    assert image.size == other.size
    return float(np.abs(levels(image) - levels(other)).mean())


def levels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image.convert("RGB")).astype(np.int16)


def refusal(data: bytes) -> InvalidImage:
    with pytest.raises(InvalidImage) as refused:
        decode(data)
    return refused.value


@pytest.mark.parametrize("size", [(96, 64), (61, 43), (1, 1), (2, 2), (8, 8), (700, 500)])
def test_a_picture_comes_back_as_it_was_written(size: tuple[int, int]) -> None:
    picture = scene(*size)
    for format_, data in (
        ("HEIC", heic(picture, quality=95, chroma="444")),
        ("AVIF", avif(picture, quality=95, subsampling="4:4:4")),
    ):
        decoded = decode(data)
        assert (decoded.format, decoded.mode, decoded.jpeg_quality) == (format_, "RGB", None)
        assert difference(decoded.rgb, picture) < 3


def test_a_picture_of_tiles_is_put_together() -> None:
    picture = scene(300, 200)
    assert difference(decode(heic(picture, quality=95, tile_size=64)).rgb, picture) < 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_grey_and_transparency(mode: str) -> None:
    picture = scene().convert(mode)
    if mode != "L":
        picture.putalpha(Image.new("L", picture.size, 64))
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture.convert("RGB"), mask=picture.getchannel("A") if mode != "L" else None)
    for data in (heic(picture, quality=95), avif(picture, quality=95)):
        assert difference(decode(data).rgb, white) < 3


def test_ten_bits_become_eight() -> None:
    ramp = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    decoded = decode(heic(Image.fromarray(ramp), quality=95))
    assert difference(decoded.rgb, Image.fromarray((ramp >> 8).astype(np.uint8))) < 3


def exif(orientation: int) -> bytes:
    written = Image.Exif()
    written[0x0112] = orientation
    return written.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_once(orientation: int) -> None:
    """The encoders write `irot` and `imir`, and the same orientation as Exif beside them."""
    stored = scene()
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif(orientation))
    upright = decode(file.getvalue()).rgb
    for data in (heic(stored, quality=95, exif=exif(orientation)), avif(stored, quality=95, exif=exif(orientation))):
        assert difference(decode(data).rgb, upright) < 3


@pytest.mark.parametrize(("turns", "axis"), list(product(range(4), [None, 0, 1])))
def test_irot_turns_and_imir_mirrors_afterwards(turns: int, axis: int | None) -> None:
    properties = [(b"irot", bytes([turns]))] + ([] if axis is None else [(b"imir", bytes([axis]))])
    expected = np.rot90(levels(scene()), turns)
    if axis is not None:
        expected = np.flip(expected, axis)
    assert np.abs(levels(decode(avif_with(properties)).rgb) - expected).mean() < 3


def test_exif_and_xmp_alone_turn_nothing() -> None:
    part = part_of(avif(scene()))
    about = Part(b"Exif", bytes(4) + exif(6).removeprefix(b"Exif\0\0"))
    for brands, picture in ((BRANDS, part), ((b"heic", b"mif1"), coded(scene()))):
        data = boxed([picture, about], references=[(b"cdsc", 2, [1])], brands=brands)
        assert decode(data).rgb.size == (96, 64)


@pytest.mark.parametrize("brand", [b"avif", b"avis", b"mif1", b"msf1", b"miaf", b"MA1B", b"MA1A"])
def test_avif_is_known_by_any_of_its_brands(brand: bytes) -> None:
    assert decode(avif_with([], brands=(brand, *BRANDS))).format == "AVIF"


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"MiHB"])
def test_heic_is_known_by_any_of_its_brands(brand: bytes) -> None:
    assert decode(boxed([coded(scene())], brands=(brand, b"heic"))).format == "HEIC"
    assert decode(boxed([coded(scene())], brands=(b"isom", brand))).format == "HEIC"


def test_the_first_picture_of_a_sequence_is_decoded() -> None:
    first = scene()
    data = avif(first, quality=95, save_all=True, append_images=[first.rotate(180)] * 20)
    assert difference(decode(data).rgb, first) < 3
    assert decode(data[: len(data) // 2]).width == 96


def test_a_sequence_without_a_still_picture_is_refused_by_what_it_is() -> None:
    data = box(b"ftyp", b"avis" + bytes(4) + b"avis") + box(b"moov", b"")
    assert refusal(data).reason == "format_not_allowed"


@pytest.mark.parametrize("data", [heic(scene()), avif(scene()), heic(scene(300, 200), tile_size=64)])
def test_a_file_cut_off_anywhere_is_refused(data: bytes) -> None:
    for length in range(0, len(data), 7):
        assert refusal(data[:length]).reason in {"empty", "not_an_image", "format_not_allowed", "broken"}
    assert "behind the end" in str(refusal(data[:-1]))


@pytest.mark.parametrize("junk", [b"", b"\0", b"garbage", b"\0\0\0\0II*\0" + b"\xff" * 60, b"\xff" * 70_000])
def test_metadata_that_is_damaged_or_too_long_is_passed_over(junk: bytes) -> None:
    picture = coded(scene())
    for kind in (b"Exif", b"mime", b"uri "):
        data = boxed([picture, Part(kind, junk)], references=[(b"cdsc", 2, [1])])
        assert decode(data).format == "HEIC"


def test_a_damaged_thumbnail_or_depth_is_passed_over() -> None:
    picture, broken = coded(scene()), Part(b"hvc1", b"\0\0\0\xffx", [])
    data = boxed([picture, broken, broken], references=[(b"thmb", 2, [1]), (b"auxl", 3, [1])])
    assert decode(data).format == "HEIC"


def test_limits_are_those_of_other_formats() -> None:
    with pytest.raises(InvalidImage, match="96 x 64 pixels; at most 100 pixels"):
        decode(heic(scene()), limits=Limits(max_pixels=100))
    flat = heic(Image.new("RGB", (2_560, 2_048), "red"), quality=1)
    with pytest.raises(InvalidImage, match=r"2560 x 2048 pixels in [\d,]+ bytes"):
        decode(flat, limits=Limits(max_pixels_per_byte=100))


def test_a_bomb_is_refused_before_its_pixels_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.images.decoding.load", lambda _: pytest.fail("its pixels were decoded"))
    large = coded(Image.new("RGB", (2_560, 2_048), "red"))
    assert "30000 x 30000 pixels" in str(refusal(boxed([resized(large, 30_000, 30_000)])))
    for data in (
        boxed([resized(large, 64, 64)]),
        boxed([Part(large.kind, large.data * (MOST_WORK + 1), large.properties)]),
        boxed([grid(2, 2, (64, 64)), large], references=[(b"dimg", 1, [2] * 4)]),
    ):
        assert "decoding it takes" in str(refusal(data))


def test_large_pictures_with_transparency_are_refused_by_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.images.heif.MOST_TRANSPARENT", 96 * 64 - 1)
    transparent = scene()
    transparent.putalpha(Image.new("L", transparent.size, 64))
    for data, name in ((avif(transparent), "AVIF"), (heic(transparent), "HEIC")):
        assert refusal(data).reason == "too_many_pixels"
        assert f"6,143 are accepted in {name}" in str(refusal(data))
    assert decode(avif(scene())).width == 96


def test_a_small_avif_with_a_large_frame_is_refused() -> None:
    part = part_of(avif(Image.new("RGB", (2_560, 2_048), "red"), speed=10))
    assert "decoding it takes 5,242,880" in str(refusal(boxed([resized(part, 64, 64)], brands=BRANDS)))
    hidden = Part(part.kind, part.data * 5, part.properties)
    assert "decoding it takes" in str(refusal(boxed([hidden], brands=BRANDS)))


def test_a_grid_of_10_000_tiles_is_refused() -> None:
    tile, whole = coded(scene(64, 64)), grid(100, 100, (6_400, 6_400))
    one = boxed([whole, tile], references=[(b"dimg", 1, [2] * 10_000)])
    assert "10,000 tiles; at most 1,000" in str(refusal(one))
    many = boxed([whole, *[tile] * 10_000], references=[(b"dimg", 1, range(2, 10_002))])
    assert f"more than {MOST_ITEMS:,} tiles" in str(refusal(many))


def test_a_grid_of_grids_is_refused() -> None:
    inner = grid(2, 2, (64, 64))
    data = boxed([inner, inner, coded(scene(32, 32))], references=[(b"dimg", 1, [3, 2, 2, 2]), (b"dimg", 2, [3] * 4)])
    assert "a tile of its grid is a grid" in str(refusal(data))


def test_a_grid_that_is_larger_than_it_says_is_refused() -> None:
    liar = Part(b"grid", struct.pack(">BBBBHH", 0, 0, 1, 1, 60_000, 60_000), [extent(64, 64)])
    data = boxed([liar, coded(scene(32, 32))], references=[(b"dimg", 1, [2] * 4)])
    assert "another size" in str(refusal(data))


def test_other_kinds_of_pictures_are_refused_by_their_kind() -> None:
    for kind in (b"jpeg", b"avc1", b"iovl", b"unci"):
        error = refusal(boxed([Part(kind, b"x" * 100, [extent(8, 8)])], brands=(b"mif1",)))
        assert (error.reason, kind.decode() in str(error)) == ("format_not_allowed", True)


def test_a_property_that_must_be_understood_and_is_not_is_refused() -> None:
    error = refusal(avif_with([(b"wrap", b"x")]))
    assert (error.reason, "'wrap'" in str(error)) == ("format_not_allowed", True)


def test_parts_that_share_their_bytes_are_refused() -> None:
    tile = coded(scene(64, 64))
    data = bytearray(boxed([grid(30, 30, (1_920, 1_920)), *[tile] * 900], references=[(b"dimg", 1, range(2, 902))]))
    place = data.index(b"iloc") + 12
    for number in range(901):
        struct.pack_into(">II", data, place + 14 * number + 6, 0, len(data))
    assert "share most of their bytes" in str(refusal(bytes(data)))
