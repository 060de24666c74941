"""Hostile files of a data set: small files that unpack to gigabytes, or that take an hour to decode."""

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from truegrain_rig.heavy_requests import many_scans
from truegrain_rig.hostile_files import encode

_MEGAPIXELS_89: Final = (9_400, 9_400)
_CLASSES: Final = ("real", "ai")


def bombs(folder: Path) -> Iterator[Path]:
    """Write each bomb into the empty `folder`, and yield its path."""
    for name, write in _BOMBS.items():
        write(folder / name)
        yield folder / name


def _sparse_tar(path: Path) -> None:
    """Write 20 members that each announce 40 MB of holes (GNU's old format, tarfile.GNUTYPE_SPARSE)."""
    with path.open("wb") as file:
        for number in range(20):
            file.write(_sparse_header(f"{_CLASSES[number % 2]}/{number}.jpg", 40_000_000))
            file.write(b"%d" % number + bytes(tarfile.BLOCKSIZE - len(b"%d" % number)))
        file.write(bytes(2 * tarfile.BLOCKSIZE))


def _sparse_header(name: str, announced: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.mtime = tarfile.BLOCKSIZE, tarfile.GNUTYPE_SPARSE, 1
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))

    def write(start: int, number: int) -> None:
        header[start : start + 12] = b"%011o\0" % number

    write(386, 0)
    write(398, tarfile.BLOCKSIZE)
    write(410, announced)
    write(422, 0)
    header[482] = 0
    write(483, announced)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _shard_of_one_value(path: Path) -> None:
    """Write 1,000 rows that share one value of 100 MB."""
    rows = 1_000
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([bytes(100_000_000)]))
    image = pa.StructArray.from_arrays([shared, pa.array(["x"] * rows)], names=["bytes", "path"])
    table = pa.table({"image": image, "label": [*_CLASSES] * (rows // 2)})
    pq.write_table(
        table, path, compression="zstd", dictionary_pagesize_limit=2**31 - 1, write_statistics=False, store_schema=False
    )


def _shard_of_zeros(path: Path) -> None:
    images = [{"bytes": bytes(400_000_000), "path": None}] * 2
    pq.write_table(pa.table({"image": images, "label": [*_CLASSES]}), path, compression="zstd", use_dictionary=False)


def _zip_of_flat_pictures(path: Path) -> None:
    """Write 200 pictures of 89 megapixels in one colour, 40 bytes each."""
    flat = encode(Image.new("RGB", _MEGAPIXELS_89, (9, 9, 9)), "WEBP", lossless=True, method=0)
    _zip(path, {f"{_CLASSES[number % 2]}/{number}.webp": flat + b"%d" % number for number in range(200)})


def _zip_of_zeros(path: Path) -> None:
    _zip(path, {"real/a.jpg": bytes(1_500_000_000), "ai/b.jpg": b"x"})


def _zip_of_tables(path: Path) -> None:
    _zip(path, {"all.csv": b"name,label\n" + b"a.jpg,real\n" * 20_000_000, "a.jpg": b"x"})


def _zip_of_scans(path: Path) -> None:
    scans = many_scans(Image.new("RGB", (7_000, 7_000), (9, 9, 9)), 88)
    _zip(path, {f"{_CLASSES[number % 2]}/{number}.jpg": scans + b"%d" % number for number in range(4)})


def _deep_zip(path: Path) -> None:
    deep = "d/" * 30_000
    _zip(path, {f"{deep}real/a.jpg": b"x", f"{deep}ai/b.jpg": b"y"})


def _wide_table(path: Path) -> None:
    path.write_bytes(b"name,label," + b"x," * 5_000_000 + b"\na.jpg,real\n")


def _one_line(path: Path) -> None:
    path.write_bytes(b'name,label\n"' + b"a" * 30_000_000)


_BOMBS: Final[dict[str, Callable[[Path], None]]] = {
    "sparse.tar": _sparse_tar,
    "shared.parquet": _shard_of_one_value,
    "zeros.parquet": _shard_of_zeros,
    "flat.zip": _zip_of_flat_pictures,
    "zeros.zip": _zip_of_zeros,
    "tables.zip": _zip_of_tables,
    "scans.zip": _zip_of_scans,
    "deep.zip": _deep_zip,
    "wide.csv": _wide_table,
    "line.csv": _one_line,
}


def _zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
