"""Opens the picture of a HEIC or AVIF file. The decoder gets the coded picture alone, never the rest of the file."""

from collections import Counter, defaultdict
from io import BytesIO
from typing import Final

from PIL import AvifImagePlugin, Image
from pillow_heif import HeifImageFile
from pillow_heif import options as heif_options

from model.errors import InvalidImage
from model.images.bitstreams import count_av1_pixels, count_hevc_pixels
from model.images.isobmff import MOST_ITEMS, Container, Item, damaged, read_container
from model.images.orientation import ORIENTATION
from model.images.remux import DIMG, GRID, Part, write_picture
from model.images.structure import HARMLESS_PIXELS

CODECS: Final = {b"hvc1": "HEIC", b"av01": "AVIF"}
"""The formats, by the kind of item that holds a coded picture."""

SEQUENCE: Final = "sequence"
"""The key in `info` of an image for whether its file holds an animation too."""

MOST_WORK: Final = 3
"""Pixels that decoding may take, as a multiple of the picture's: for transparency, and tiles that overhang."""

MOST_TRANSPARENT: Final = 25_000_000
"""Most pixels of a picture with transparency, whose decoders hold 12 bytes a pixel instead of 8."""

_ALPHA: Final = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
_ORIENTATIONS: Final = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}
"""The orientation by the axis of `imir`, and by the quarter turns of `irot` that come first."""


def is_boxed(data: bytes) -> bool:
    """Return whether a file begins as HEIC, AVIF and other files of boxes do."""
    return data[4:8] == b"ftyp"


def open_still(data: bytes) -> Image.Image:
    """Open the picture of a HEIC or AVIF file without decoding it; raises InvalidImage.

    `info` has its ORIENTATION, its Exif as `exif`, and as SEQUENCE whether the file holds an animation too. Of a
    sequence only the still picture is opened.
    """
    found = read_container(data)
    primary = found.primary
    if primary is None or primary not in found.items:
        if found.is_sequence:
            raise InvalidImage("format_not_allowed", "image sequences without a still picture are not accepted")
        raise damaged("it holds no picture")
    format_ = _name_format(found, primary)
    parts = _collect(found, primary, data)
    _check_work(found, primary, parts)
    image = _open(write_picture(found, primary, parts, brand=format_.lower()), format_)
    if image.has_transparency_data and image.width * image.height > MOST_TRANSPARENT:
        raise InvalidImage(
            "too_many_pixels",
            f"the image has {image.width} x {image.height} pixels with transparency; at most {MOST_TRANSPARENT:,} are"
            f" accepted in {format_}: save it without transparency",
        )
    image.info = {key: value for key, value in image.info.items() if key == "icc_profile"}
    image.info |= {ORIENTATION: _orientation(found.items[primary]), SEQUENCE: found.is_sequence}
    if exif := _read_exif(found, data):
        image.info["exif"] = exif
    return image


def _name_format(found: Container, primary: int) -> str:
    kind = found.items[primary].kind
    tiles = found.references.get((DIMG, primary), ()) if kind == GRID else ()
    if tiles and tiles[0] in found.items:
        kind = found.items[tiles[0]].kind
    if kind not in CODECS:
        name = kind.decode("latin-1")
        raise InvalidImage("format_not_allowed", f"HEIF files whose picture is of the kind '{name}' are not accepted")
    return CODECS[kind]


def _collect(found: Container, primary: int, data: bytes) -> dict[int, Part]:
    """Return the items that the picture is made of: itself, its tiles, and the transparency of both."""
    transparency = defaultdict(list)
    for (kind, origin), masters in found.references.items():
        if kind == b"auxl" and origin in found.items and _is_alpha(found.items[origin]):
            for master in masters:
                transparency[master].append(origin)
    wanted, parts, total = [primary], dict[int, Part](), 0
    while wanted:
        number = wanted.pop()
        if number in parts:
            continue
        if number not in found.items:
            raise damaged(f"its part {number} is missing")
        item = found.items[number]
        total += item.length
        if total > 2 * len(data):
            raise damaged("its parts share most of their bytes")
        parts[number] = Part(item, item.read(data))
        wanted += transparency[number]
        if item.kind == GRID:
            wanted += _tiles(found, number)
    return parts


def _tiles(found: Container, grid: int) -> list[int]:
    tiles = found.references.get((DIMG, grid), [])
    if len(tiles) > MOST_ITEMS:
        raise InvalidImage(
            "broken", f"the picture is made of {len(tiles):,} tiles; at most {MOST_ITEMS:,} are accepted"
        )
    if any(found.items[each].kind == GRID for each in tiles if each in found.items):
        raise damaged("a tile of its grid is a grid")
    return tiles


def _is_alpha(item: Item) -> bool:
    return any(each.kind == b"auxC" and each.content[4:].startswith(_ALPHA) for each in item.properties)


def _check_work(found: Container, primary: int, parts: dict[int, Part]) -> None:
    """Refuse pictures that take far more decoding than they show."""
    width, height = found.items[primary].size()
    times = Counter(
        each for (kind, origin), to in found.references.items() if kind == DIMG and origin in parts for each in to
    )
    work = sum(_count_pixels(part) * max(1, times[number]) for number, part in parts.items())
    if work > max(HARMLESS_PIXELS, MOST_WORK * width * height):
        raise InvalidImage(
            "too_many_pixels",
            f"the image has {width} x {height} pixels, and decoding it takes {work:,}; at most {MOST_WORK} times as"
            " many are accepted",
        )


def _count_pixels(part: Part) -> int:
    if part.item.kind == b"hvc1":
        return count_hevc_pixels(part.item.find(b"hvcC"), part.data)
    if part.item.kind == b"av01":
        return count_av1_pixels(part.data)
    if part.item.kind == GRID:
        _check_grid(part)
        return 0
    raise damaged(f"a part of it is of the kind '{part.item.kind.decode('latin-1')}'")


def _check_grid(part: Part) -> None:
    """Compare the size that a grid of tiles has (ISO/IEC 23008-12, 6.6.2.3.2) with that of its property."""
    wide = 4 if part.data[1:2] == b"\1" else 2
    if len(part.data) < 4 + 2 * wide:
        raise damaged("its grid of tiles ends too early")
    size = int.from_bytes(part.data[4 : 4 + wide]), int.from_bytes(part.data[4 + wide : 4 + 2 * wide])
    if size != part.item.size():
        raise damaged("its grid of tiles has another size than the picture")


def _orientation(item: Item) -> int:
    """Return the orientation of a picture by its `irot` and `imir` (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""
    values = {each.kind: each.content[0] for each in item.properties if each.content}
    axis = values[b"imir"] & 1 if b"imir" in values else None
    return _ORIENTATIONS[axis][values.get(b"irot", 0) & 3]


def _read_exif(found: Container, data: bytes) -> bytes:
    """Return the Exif of a file from its TIFF header on; empty if there is none."""
    for item in found.items.values():
        if item.kind == b"Exif" and 0 < item.length <= len(data):
            block = b"".join(data[start:end] for start, end in item.spans)
            return block[4 + int.from_bytes(block[:4]) :]
    return b""


def _open(data: bytes, format_: str) -> Image.Image:
    # One thread: the service runs several workers on its cores, and each thread takes memory.
    heif_options.DECODE_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    try:
        if format_ == "AVIF":
            return AvifImagePlugin.AvifImageFile(BytesIO(data))
        return HeifImageFile(BytesIO(data))  # type: ignore[no-untyped-call]  # its constructor has no types
    except (OSError, SyntaxError, ValueError, RuntimeError) as error:
        raise InvalidImage("broken", f"the {format_} file is damaged or cut off: {error}") from error
