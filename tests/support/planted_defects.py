"""Taking images with planted defects through ingestion and validation, and reading what validation wrote."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.dataset import validate
from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates
from model.errors import ValidationFailed
from model.sources.labelled_image import LabelledImage
from support.fill_lake import collect
from support.small_images import NOW

LabelledImages = Iterable[LabelledImage]
Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Outcome:
    """What validation wrote: what refuses the version, the warnings, and why rows were refused, by origin."""

    failed: list[str]
    warnings: list[str]
    refused: dict[str, str]


NOTHING_WRONG = Outcome([], [], {})


def validated(lake: Lake, images: LabelledImages, spoil: Spoil | None = None) -> Outcome:
    """Validate the version that follows when `images` enter the lake, its rows spoiled if asked; publish a good one."""
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
