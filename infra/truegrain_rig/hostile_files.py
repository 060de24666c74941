"""Files and requests made to break a decoder or a parser: mutated, truncated, exploding and polyglot."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image

from model.images.decoding import decode
from model.sources.synthetic import Order, draw_images
from truegrain_rig.boxed_files import Part, boxed, coded, grid, heic, resized

FORMATS = ("JPEG", "PNG", "WEBP", "HEIC", "AVIF")
SIDE = 64
SMALL_SIDE = 24
PARTS = 10_000
BOUNDARY = "cut-here"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
IMAGE = "image/jpeg"


@dataclass(frozen=True)
class Attack:
    """A hostile request: its body, its content type and its path."""

    name: str
    body: bytes
    content_type: str = IMAGE
    path: str = "/predict"


def attacks(*, mutated: int, seed: int = 0) -> Iterator[Attack]:
    """Yield `mutated` mutated images, then all other attacks, about 3,000."""
    yield from islice(_mutated(np.random.default_rng(seed)), mutated)
    yield from _cut_off()
    yield from _bombs()
    yield from _two_in_one()
    yield from _odd_requests()


def _mutated(random: np.random.Generator) -> Iterator[Attack]:
    originals = [(name, encode(image, name)) for image in pictures(8) for name in FORMATS]
    while True:
        name, data = originals[random.integers(len(originals))]
        yield Attack(f"mutated {name}", mutate(data, random))


def mutate(data: bytes, random: np.random.Generator) -> bytes:
    """Return `data` with one to four random mutations."""
    spoiled = bytearray(data)
    for _ in range(random.integers(1, 5)):
        _MUTATIONS[random.integers(len(_MUTATIONS))](spoiled, random)
    return bytes(spoiled)


def _flip(data: bytearray, random: np.random.Generator) -> None:
    for place in random.integers(0, max(1, len(data)), random.integers(1, 9)):
        if place < len(data):
            data[place] ^= 1 << int(random.integers(8))


def _cut(data: bytearray, random: np.random.Generator) -> None:
    start, length = random.integers(0, max(1, len(data))), random.integers(1, 64)
    del data[start : start + length]


def _repeat(data: bytearray, random: np.random.Generator) -> None:
    start, length = random.integers(0, max(1, len(data))), random.integers(1, 256)
    data[start:start] = data[start : start + length] * int(random.integers(1, 8))


def _insert(data: bytearray, random: np.random.Generator) -> None:
    start = random.integers(0, max(1, len(data)))
    data[start:start] = random.bytes(int(random.integers(1, 64)))


def _extreme(data: bytearray, random: np.random.Generator) -> None:
    """Overwrite four bytes, which may be a length or a size, with a number that arithmetic often fails at."""
    start = random.integers(0, max(1, len(data) - 4))
    data[start : start + 4] = struct.pack(">I", int(random.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])))


_MUTATIONS: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (_flip, _cut, _repeat, _insert, _extreme)


def _cut_off() -> Iterator[Attack]:
    """Truncate a small file of each format at every byte."""
    [picture] = pictures(1)
    small = picture.resize((SMALL_SIDE, SMALL_SIDE))
    for name in FORMATS:
        data = encode(small, name)
        yield from (Attack(f"{name} cut off at {length}", data[:length]) for length in range(len(data)))


def _bombs() -> Iterator[Attack]:
    yield Attack("PNG of 900 megapixels", _empty_png(30_000, 30_000))
    yield Attack("PNG of 2^31 - 1 pixels a side", _empty_png(2**31 - 1, 2**31 - 1))
    yield Attack("PNG with a text of 64 MB", _with_text(_empty_png(8, 8), 64_000_000))
    frames = [Image.new("P", (2000, 2000), number % 2) for number in range(200)]
    animation = io.BytesIO()
    frames[0].save(animation, "GIF", save_all=True, append_images=frames[1:])
    yield Attack("GIF of 800 megapixels in 200 frames", animation.getvalue())
    wide = io.BytesIO()
    Image.new("1", (16_000, 3_000)).save(wide, "TIFF", compression="group4")
    yield Attack("TIFF of 48 megapixels in a few bytes", wide.getvalue())
    large, tile = coded(Image.new("RGB", (2_560, 2_048), "red")), coded(Image.new("RGB", (64, 64), "red"))
    yield Attack("HEIC that says it is of 900 megapixels", boxed([resized(large, 30_000, 30_000)]))
    yield Attack("HEIC of 5 megapixels that says it is small", boxed([resized(large, 64, 64)]))
    yield Attack("HEIC of 500 pictures in one", boxed([Part(large.kind, large.data * 500, large.properties)]))
    yield Attack("HEIC of 10,000 tiles, which are one", _tiled(grid(100, 100, (6_400, 6_400)), [tile], 10_000))
    yield Attack("HEIC of 10,000 tiles", _tiled(grid(100, 100, (6_400, 6_400)), [tile] * 10_000, 10_000))
    yield Attack("HEIC of 900 large tiles for a small picture", _tiled(grid(30, 30, (64, 64)), [large], 900))
    sequence = io.BytesIO()
    stills = [Image.new("RGB", (64, 64), (number, 0, 0)) for number in range(200)]
    stills[0].save(sequence, "AVIF", save_all=True, append_images=stills[1:], speed=10)
    yield Attack("AVIF of 200 frames", sequence.getvalue())
    yield Attack("AVIF of 6 megapixels in a few bytes", encode(Image.new("L", (2_500, 2_500)), "AVIF", speed=10))


def _tiled(whole: Part, tiles: list[Part], count: int) -> bytes:
    numbers = [2 + number % len(tiles) for number in range(count)]
    return boxed([whole, *tiles], references=[(b"dimg", 1, numbers)])


def _two_in_one() -> Iterator[Attack]:
    [picture] = pictures(1)
    photo = encode(picture, "JPEG")
    yield Attack("JPEG with PHP behind it", photo + b"<?php system($_GET['c']); ?>")
    yield Attack("GIF that is JavaScript", b"GIF89a/*\x00\x00\x00*/=1;alert(1)//;")
    yield Attack("HTML that says it is an image", b"<html><script>alert(1)</script>")
    yield Attack("SVG with a script", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    yield Attack("SVG with an entity", b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>')
    yield Attack("PostScript in disguise", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999999 9999999\n")
    yield Attack("ZIP behind a JPEG", photo + b"PK\x03\x04" + bytes(100))
    yield Attack("ImageMagick's MVG", b"push graphic-context\nfill 'url(https://127.0.0.1/)'\npop graphic-context")
    yield Attack("PDF", b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>")


def _odd_requests() -> Iterator[Attack]:
    yield Attack("nothing", b"")
    yield Attack("zeros", bytes(5_000_000))
    yield Attack("JSON", b'{"file": "x"}', "application/json")
    yield Attack("a form without a boundary", b"file=x", "multipart/form-data")
    yield Attack("a form that never ends", form([("file", "a.jpg", b"x")])[:-20], MULTIPART)
    yield Attack("a form of other fields", form([("image", "a.jpg", b"x")]), MULTIPART)
    yield Attack(f"a form of {PARTS} parts", form([("file", "a.jpg", b"x")] * PARTS), MULTIPART)
    yield Attack("a file name of a path", form([("file", "../../../etc/passwd\x00.jpg", b"x")]), MULTIPART)
    yield Attack("a file name of 50 kB", form([("file", "a" * 50_000, b"x")]), MULTIPART)
    yield Attack("a content type of another world", b"x", "text/html; charset=utf-7")


def form(fields: list[tuple[str, str, bytes]]) -> bytes:
    """Write fields (name, file name, content) as a multipart form."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"; filename="{{}}"\r\n\r\n'
    parts = b"".join(head.format(name, file).encode() + content + b"\r\n" for name, file, content in fields)
    return parts + f"--{BOUNDARY}--\r\n".encode()


def pictures(count: int) -> list[Image.Image]:
    """Draw `count` pictures with some content."""
    return [decode(image.data).rgb for image in draw_images(Order(images=count, size=SIDE))]


def encode(image: Image.Image, name: str, **options: object) -> bytes:
    """Write an image in a format, with options of Pillow's or pillow-heif's for it."""
    if name == "HEIC":
        return heic(image, **options)
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def _empty_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(min(height, 30_000) * (1 + min(width, 30_000) // 8)), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _with_text(png: bytes, length: int) -> bytes:
    """Insert a compressed text into a PNG after its header."""
    text = _chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(length), 9))
    return png[:33] + text + png[33:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
