"""Makes the seeds: small valid inputs from which the mutations of a target start."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from model.detectors import artifact
from model.images.formats import FORMATS
from model.sources import archive
from service.answers.receipts import make_key
from service.answers.verdict import EXAMPLE_VERDICT
from truegrain_rig.hostile_files import BOUNDARY, MULTIPART, encode
from truegrain_rig.tiny_detector import write_tiny

PREDICTION: Final = "0f8c1c5d0e6f4b7f9d1e2c3b4a596877"

ROUTES: Final = ("/predict", "/predict/batch", "/predict/explain", "/predict/compare", "/feedback", "/receipts/verify")
TYPES: Final = (MULTIPART, "application/json", "image/jpeg", "text/plain")


def images() -> Iterator[bytes]:
    """Yield an image in each format, and images with metadata about their origin."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    for kind in FORMATS:
        yield encode(picture, kind)
    yield encode(picture, "JPEG", progressive=True)
    yield encode(picture.convert("CMYK"), "JPEG")
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Camera", 6
    yield encode(picture, "JPEG", exif=exif)
    note = PngInfo()
    note.add_text("parameters", "a cat\nSteps: 20, Sampler: Euler a, Model: sd15")
    note.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta><rdf:RDF/></x:xmpmeta>")
    yield encode(picture.convert("RGBA"), "PNG", pnginfo=note)
    yield encode(picture, "GIF", save_all=True, append_images=[picture.rotate(90)])


def receipts() -> Iterator[bytes]:
    """Yield a receipt that another key signed, and each of its parts."""
    with tempfile.TemporaryDirectory() as folder:
        notary = make_key(Path(folder) / "key.pem")
    verdict = EXAMPLE_VERDICT.model_copy(update={"receipt": None})
    signed = notary.sign(verdict, at=datetime(2026, 11, 2, tzinfo=UTC), request_id=verdict.request_id).receipt or ""
    yield signed.encode()
    yield from (part.encode() for part in signed.split("."))


def requests() -> Iterator[bytes]:
    """Yield a request to each route: a byte for the route, a byte for the content type, then the body."""
    picture = next(images())
    forms = {
        "/predict": _form(file=picture),
        "/predict/batch": _form(files=picture),
        "/predict/explain": _form(file=picture),
        "/predict/compare": _form(file=picture),
        "/feedback": _form(
            prediction_id=b"0f8c1c5d0e6f4b7f9d1e2c3b4a596877", label=b"ai", consent=b"true", file=picture
        ),
    }
    for route, form in forms.items():
        yield bytes([ROUTES.index(route), 0]) + form
    yield bytes([0, 2]) + picture
    report = {"prediction_id": PREDICTION, "label": "real"}
    yield bytes([ROUTES.index("/feedback"), 1]) + json.dumps(report).encode()
    yield bytes([ROUTES.index("/receipts/verify"), 1]) + json.dumps({"receipt": "a.b.c"}).encode()


def archives() -> Iterator[bytes]:
    """Yield archives of two images and a table, each after a byte for its suffix."""
    picture = next(images())[:200]
    files = {"real/a.jpg": picture, "ai/b.jpg": picture, "all.csv": b"name,label\na.jpg,real\n"}
    for number, suffix in enumerate(archive.SUFFIXES):
        yield bytes([number]) + (_zip(files) if suffix == ".zip" else _COMPRESS[suffix](_tar(files)))


def shards() -> Iterator[bytes]:
    """Yield Parquet files, one with words and one with numbers as labels."""
    picture = next(images())
    image = [{"bytes": picture, "path": "ai/a.jpg"}, {"bytes": picture, "path": None}]
    names = {"info": {"features": {"label": {"names": ["real", "ai"], "_type": "ClassLabel"}}}}
    yield _parquet(pa.table({"image": image, "label": ["ai", "real"], "generator": ["sd", None]}))
    yield _parquet(
        pa.table({"image": image, "label": [1, 0]}).replace_schema_metadata({"huggingface": json.dumps(names)})
    )


def tables() -> Iterator[bytes]:
    """Yield CSV tables: with commas, with semicolons, in UTF-16, and with numbers as labels."""
    text = "file_name,label\nreal/a.jpg,real\nai/b.jpg,ai\n"
    yield text.encode()
    yield text.replace(",", ";").encode()
    yield text.encode("utf-16")
    yield b'id,generated,class\na.jpg,1,ai\n"b,c.jpg",0,real\n'


def json_lines() -> Iterator[bytes]:
    """Yield tables as JSON lines: with words and with numbers as labels, and with fields that some lines lack."""
    yield b'{"file_name": "real/a.jpg", "label": "real"}\n{"file_name": "ai/b.jpg", "label": "ai"}\n'
    yield b'{"file_name": "a.jpg", "is_ai": 1, "boxes": [[1, 2]]}\n\n{"is_ai": 0, "file_name": "b.jpg", "w": 0.5}'


def words() -> Iterator[bytes]:
    """Yield what describes the image of a WebDataset sample, each after a byte for its suffix."""
    yield b'\0{"label": "fake", "generator": "sd", "split": "test", "width": 16}'
    yield b"\x011"
    yield b"\x02a photo of a cat"


def cards() -> Iterator[bytes]:
    """Yield the card of a detector."""
    yield _of_tiny(artifact.CARD)


def golden_arrays() -> Iterator[bytes]:
    """Yield the golden arrays of a detector."""
    yield _of_tiny(artifact.GOLDEN)


_COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    ".tar": bytes,
    ".tar.gz": gzip.compress,
    ".tgz": gzip.compress,
    ".tar.xz": lzma.compress,
    ".txz": lzma.compress,
    ".tar.bz2": bz2.compress,
    ".tbz2": bz2.compress,
}


def _zip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return file.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1
            packed.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _of_tiny(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return (write_tiny(Path(folder)) / name).read_bytes()


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _form(**fields: bytes) -> bytes:
    parts = []
    for name, content in fields.items():
        file = '; filename="a.jpg"\r\nContent-Type: image/jpeg' if name.startswith("file") else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts += [head.encode(), content, b"\r\n"]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
