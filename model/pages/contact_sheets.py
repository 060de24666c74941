"""Draws contact sheets of a dataset version: one picture for each class and generator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from PIL import Image, ImageOps

from model.dataset.lake import Lake
from model.dataset.lots import draw_lots
from model.images.decoding import SOURCE_LIMITS, decode
from model.pages.rendering import picture

MOST_SHEETS: Final = 16
"""Most sheets drawn, those with the most images first, so that a page stays small."""

MOST_IMAGES: Final = 24
"""Most images on a sheet."""

SHOWN: Final = ("sha256", "origin", "label", "generator", "batch", "row", "decode_error")
"""The columns of a manifest that sheets are drawn from."""

_COLUMNS: Final = 8
_CELL: Final = 96
_GAP: Final = 4
_BLOCK_ROWS: Final = 1_000
_FROM_A_BLOCK: Final = 6


@dataclass(frozen=True)
class Sheet:
    """A contact sheet of one class and generator, which have `total` images.

    `uri` is a data URL of a WebP; `shown` are the SHA-256 and origin of each image on it.
    """

    label: str
    generator: str | None
    total: int
    uri: str
    shown: tuple[tuple[str, str], ...]


def draw_sheets(lake: Lake, rows: pd.DataFrame) -> list[Sheet]:
    """Draw a sheet for each class and generator among the `rows` of a manifest, the largest first.

    Files that cannot be decoded are left out. The images are chosen by `draw_lots`, so a version always shows the same
    images.
    """
    decodable = rows[rows["decode_error"].isna()]
    groups = [group for _, group in decodable.groupby(["label", "generator"], dropna=False)]
    largest = sorted(groups, key=len, reverse=True)[:MOST_SHEETS]
    chosen = [choose_images(group) for group in largest]
    if not chosen:
        return []
    wanted = pd.concat(chosen).sort_values(["batch", "row"])
    read = zip(wanted.index, lake.read_images(wanted), strict=True)
    thumbnails = {row: draw_thumbnail(data) for row, data in read}
    return [
        _sheet(some, total=len(group), thumbnails=[thumbnails[row] for row in some.index])
        for group, some in zip(largest, chosen, strict=True)
    ]


def choose_images(group: pd.DataFrame) -> pd.DataFrame:
    """Choose at most MOST_IMAGES rows of `group` by `draw_lots`, from few but varied blocks of the lake.

    Reading one image means reading its whole shard. So several images are taken from each chosen block of rows.
    """
    blocks = group["batch"] + ":" + (group["row"] // _BLOCK_ROWS).astype("str")
    numbered = group.assign(block=pd.util.hash_array(blocks.to_numpy(dtype=object)), lot=draw_lots(group["sha256"]))
    numbered = numbered.sort_values("lot")
    helping = numbered.groupby("block").cumcount() // _FROM_A_BLOCK
    return numbered.assign(helping=helping).sort_values(["helping", "block", "lot"]).head(MOST_IMAGES)


def draw_thumbnail(data: bytes, *, side: int = _CELL) -> Image.Image:
    """Draw a picture within a square of `side` pixels; raises InvalidImage for a file that is no image."""
    rgb = decode(data, limits=SOURCE_LIMITS).rgb
    # A picture smaller than its cell shows its pixels as they are.
    method = Image.Resampling.NEAREST if max(rgb.size) < side else Image.Resampling.LANCZOS
    return ImageOps.contain(rgb, (side, side), method)


def _sheet(some: pd.DataFrame, *, total: int, thumbnails: Sequence[Image.Image]) -> Sheet:
    label, generator = some[["label", "generator"]].iloc[0]
    shown = tuple(zip(some["sha256"], some["origin"], strict=True))
    return Sheet(label, None if pd.isna(generator) else generator, total, picture(_paste(thumbnails)), shown)


def _paste(thumbnails: Sequence[Image.Image]) -> Image.Image:
    """Paste images in rows of _COLUMNS, each in the middle of its cell; the space between them is transparent."""
    step = _CELL + _GAP
    lines = -(-len(thumbnails) // _COLUMNS)
    sheet = Image.new("RGBA", (min(len(thumbnails), _COLUMNS) * step - _GAP, lines * step - _GAP))
    for number, image in enumerate(thumbnails):
        line, column = divmod(number, _COLUMNS)
        left, top = (_CELL - image.width) // 2, (_CELL - image.height) // 2
        sheet.paste(image, (column * step + left, line * step + top))
    return sheet
