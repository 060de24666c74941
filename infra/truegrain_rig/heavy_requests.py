"""Requests that cost much for their size: wide forms, floods of separators, pictures of one colour, many scans."""

import struct
from collections.abc import Iterator
from typing import Final

from PIL import Image

from truegrain_rig.hostile_files import BOUNDARY, MULTIPART, Attack, encode, form

_ALMOST_ALL: Final = 14_900_000
"""Bytes of a body, just below the default limit of an upload."""
_SIDE: Final = 7_070
"""Pixels of a side: the square has just below the default limit of megapixels."""
_BATCH: Final = 4

FEEDBACK: Final = "/feedback"
STABLE_BATCH: Final = "/predict/batch?stability=true"
_JSON: Final = "application/json"
_URLENCODED: Final = "application/x-www-form-urlencoded"
_HEAD: Final = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'.encode()


def heavy_requests() -> Iterator[Attack]:
    """Yield each attack once: about forty."""
    yield from _wide_forms()
    yield from _floods()
    yield from _pictures()


def _wide_forms() -> Iterator[Attack]:
    wide = b"{" + b",".join(b'"%x":1' % number for number in range(1_200_000)) + b"}"
    long = b'{"prediction_id":"' + b"a" * 14_000_000 + b'"}'
    for path in (FEEDBACK, "/receipts/verify", "/predict/compare"):
        yield Attack("JSON of 1,200,000 names", wide, _JSON, path)
        yield Attack("JSON of 14,000,000 brackets", b"[" * 14_000_000, _JSON, path)
        yield Attack("JSON of one long text", long, _JSON, path)
        yield Attack("a form of 7,000,000 names", b"a&" * 7_000_000, _URLENCODED, path)


def _floods() -> Iterator[Attack]:
    floods = {
        "CR": b"\r",
        "LF": b"\n",
        "almost the boundary": f"\r\n--{BOUNDARY[:-1]}".encode(),
        "two dashes": b"\r\n--",
    }
    for name, piece in floods.items():
        content = piece * (_ALMOST_ALL // len(piece))
        yield Attack(f"a flood of {name}", _HEAD + content + f"\r\n--{BOUNDARY}--\r\n".encode(), MULTIPART)
        yield Attack(f"a flood of {name} ahead", content + _HEAD + b"x", MULTIPART)
    headers = f"--{BOUNDARY}\r\n".encode() + b"X-A: b\r\n" * (_ALMOST_ALL // 8) + b"\r\nx"
    yield Attack("a part of 14 MB of headers", headers, MULTIPART)
    parameters = b"; ".join(b'a%d="b"' % number for number in range(60_000))
    yield Attack("a part of 60,000 parameters", _HEAD.replace(b'filename="x"', parameters) + b"x", MULTIPART)
    continued = b"; ".join(b"filename*%d*=utf-8''b" % number for number in range(3_000))
    yield Attack("a name in 3,000 pieces", _HEAD.replace(b'filename="x"', continued) + b"x", MULTIPART)


def _pictures() -> Iterator[Attack]:
    flat = Image.new("RGB", (_SIDE, _SIDE), (90, 120, 60))
    pictures = {
        "WebP of one colour": encode(flat, "WEBP", lossless=True, method=0),
        "PNG of one colour": encode(flat, "PNG", compress_level=9),
        "TIFF of one colour": encode(Image.new("1", flat.size), "TIFF", compression="group4"),
        "GIF of one colour": encode(Image.new("L", flat.size), "GIF"),
        "JPEG of 98 scans": many_scans(flat, 88),
        "TIFF of 60,000 tags": many_tags(60_000, 900_000),
        "TIFF of 60,000 strips in the same megabyte": shared_strips(60_000, 1_000_000),
        "PNG of 1,800,000 fractions": encode(Image.new("L", (8, 8)), "PNG", exif=many_fractions(1_800_000)),
    }
    for name, picture in pictures.items():
        yield Attack(name, picture)
        yield Attack(f"{name}, explained", picture, path="/predict/explain?stability=true")
        batch = form([("files", f"{number}.bin", picture) for number in range(_BATCH)])
        if len(batch) < _ALMOST_ALL:
            yield Attack(f"{name}, {_BATCH} times", batch, MULTIPART, STABLE_BATCH)


def many_scans(picture: Image.Image, extra: int) -> bytes:
    """Write a progressive JPEG with `extra` scans that change nothing but must be decoded."""
    jpeg = encode(picture, "JPEG", quality=30, progressive=True, subsampling=0)[: -len(b"\xff\xd9")]
    # A Huffman table with one code, which stands for a run of blocks without coefficients (ITU-T T.81, G.1.2.2).
    table = b"\xff\xc4" + struct.pack(">HB", 20, 0x10) + bytes([1] + [0] * 15) + b"\xe0"
    blocks, code = ((picture.width + 7) // 8) * ((picture.height + 7) // 8), ""
    while blocks > 0:
        run = max(min(blocks, 32_767), 16_384)
        code += f"0{run - 16_384:014b}"
        blocks -= run
    code += "1" * (-len(code) % 8)
    body = int(code, 2).to_bytes(len(code) // 8).replace(b"\xff", b"\xff\x00")
    scans = (
        b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1 + number % 3, 0, 1, 63, 0x10) + body for number in range(extra)
    )
    return jpeg + table + b"".join(scans) + b"\xff\xd9"


def many_tags(count: int, size: int) -> bytes:
    """Write a TIFF of 8 x 8 pixels with `count` private tags that all refer to the same `size` bytes."""
    needed = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 8), (279, 64)]
    pixels = 8 + 2 + 12 * (len(needed) + count) + 4
    entries = [struct.pack("<HHLL", tag, 4, 1, pixels if tag == 273 else value) for tag, value in needed]
    entries += [struct.pack("<HHLL", 51_000 + number % 14_000, 1, size, 8) for number in range(count)]
    file = b"II*\0" + struct.pack("<LH", 8, len(entries)) + b"".join(entries) + bytes(4) + b"\x80" * 64
    return file + bytes(max(0, 8 + size - len(file)))


def shared_strips(count: int, size: int) -> bytes:
    """Write a TIFF of a pixel a row, whose strips are all the same `size` bytes: blocks of deflate with nothing in."""
    values = {256: 1, 257: count, 258: 8, 259: 8, 262: 1, 273: 0, 277: 1, 278: 1, 279: 4 * count}
    tables = 8 + 2 + 12 * len(values) + 4
    head = b"II*\0" + struct.pack("<LH", 8, len(values))
    for tag, value in values.items():
        many = tag in (273, 279)
        head += struct.pack("<HHLL", tag, 4, count if many else 1, tables + value if many else value)
    places = struct.pack("<L", tables + 8 * count) * count + struct.pack("<L", size) * count
    packed = b"\x78\x9c" + b"\0\0\0\xff\xff" * (size // 5 - 4) + b"\1\1\0\xfe\xff\0\0\1\0\1"
    return head + bytes(4) + places + packed.ljust(size, b"\0")


def many_fractions(count: int) -> bytes:
    """Write Exif of a picture that lies on its side, with a tag of so many fractions."""
    entries = struct.pack("<HHLHH", 274, 3, 1, 6, 0) + struct.pack("<HHLL", 40_000, 5, count, 38)
    return b"Exif\0\0II*\0" + struct.pack("<LH", 8, 2) + entries + bytes(4) + struct.pack("<LL", 1, 2) * count
