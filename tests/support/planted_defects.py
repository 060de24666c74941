"""Clean images to plant defects in, and the outcome of their ingestion and validation."""

import io
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from html import unescape

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from expectations.dataset import validate
from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates
from model.errors import ValidationFailed
from model.sources.labelled_image import LabelledImage
from model.sources.synthetic import Order, draw_image
from support.small_images import NOW, collect

LabelledImages = Iterable[LabelledImage]
Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Outcome:
    """The result of a validation: failed rules, warnings, and the reasons of refused rows by origin."""

    failed: list[str]
    warnings: list[str]
    refused: dict[str, str]


NOTHING_WRONG = Outcome([], [], {})


def validated(lake: Lake, images: LabelledImages, spoil: Spoil | None = None) -> Outcome:
    """Ingest `images`, optionally spoil the rows, and validate the new version; publish it if it is good."""
    collect(lake, images, now=NOW)
    version = assemble(lake, today=date(2026, 11, 2))
    folder = lake.version_path(version)
    if spoil:
        rows = pa.Table.from_pandas(spoil(read_candidates(lake, version)), preserve_index=False)
        pq.write_table(rows, str(folder / "candidates.parquet"))
    with suppress(ValidationFailed):
        validate(lake, version)
        publish(lake, version)
    report = json.loads((folder / "validation.json").read_text())
    quarantine = lake.quarantine_path(version) / "rows.parquet"
    refused = pd.read_parquet(str(quarantine)).set_index("origin")["reason"].to_dict() if quarantine.exists() else {}
    return Outcome(report["failed"], report["warnings"], refused)


@cache
def clean_images(count: int = 200) -> tuple[LabelledImage, ...]:
    """70 % of each class to train on, 15 % val, 15 % test; real and AI by turns."""
    return tuple(_clean_image(number, count) for number in range(count))


def _clean_image(number: int, count: int) -> LabelledImage:
    place = number // 2 % 20
    split = "train" if place < 14 else "val" if place < 17 else "test"
    image = draw_image(Order(images=count), number)
    return replace(image, split=split, origin=f"{split}/{image.label}/IMG_{number:04d}.jpg")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def encoded(picture: Image.Image, format_: str = "JPEG", **options: object) -> bytes:
    """Encode a picture; a JPEG has quality 90 unless `options` of Pillow's encoder say otherwise."""
    buffer = io.BytesIO()
    settings = {"quality": 90, **options} if format_ == "JPEG" else options
    picture.save(buffer, format_, **settings)  # type: ignore[arg-type]  # Pillow's options differ by format
    return buffer.getvalue()


def rotated(picture: Image.Image) -> bytes:
    """Encode a picture rotated by 90 degrees, with the rotation in its EXIF."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture.rotate(90, expand=True), exif=exif)


def recode(image: LabelledImage, encode: Callable[[Image.Image], bytes], **changes: object) -> LabelledImage:
    """Encode an image of the set again, in another way."""
    return replace(image, data=encode(opened(image.data)), **changes)


def rows_of(page: str) -> dict[str, tuple[str, str, str]]:
    """Return status, consequence and observation of each rule on the page of a validation."""
    found = {}
    for row in page.split("<tr>\n<td class=")[1:]:
        (status,) = re.findall(r"<strong>(.*?)</strong>", row)
        (rule,) = re.findall(r"<summary>(.*?)</summary>", row)
        consequence, observed = re.findall(r"<td>(.*?)</td>", row, re.DOTALL)[-2:]
        found[unescape(rule)] = (unescape(status), unescape(consequence), unescape(observed).strip())
    return found
