"""Writes croissant.json, the data card of a dataset version, into the folder of the version."""

import json
from typing import Final

from model.dataset.card.croissant import COUNTED, ListedFile, Subject, columns_of, count_images, describe
from model.dataset.card.sums import sum_of, sum_shards
from model.dataset.lake import Lake
from model.dataset.manifest import SCHEMA, read_accepted
from model.dataset.validation import read_validation
from model.files import write_text

FILE: Final = "croissant.json"

_TABLE: Final = "manifest.parquet"


def write_card(lake: Lake, version: str) -> None:
    """Describe a version that passed validation: its table, the shards with its images, and the counts.

    A shard that is new is read once, for its SHA-256 sum. Raises StorageFull when there is no room.
    """
    folder = lake.version_path(version)
    with (folder / _TABLE).open("rb") as file:
        files = [ListedFile(_TABLE, sum_of(file), file.tell())]
    rows = read_accepted(lake, version, columns=[*COUNTED, "batch"])
    for batch in sorted(rows["batch"].unique()):
        files += [
            ListedFile(f"../../batches/{batch}/{name}", sha256, size)
            for name, (sha256, size) in sum_shards(lake, batch).items()
        ]
    validation = read_validation(lake, version)
    subject = Subject(
        version=version,
        counts=count_images(rows),
        files=files,
        fields=columns_of(SCHEMA, {"fileObject": {"@id": _TABLE}}),
        warnings=validation.warnings if validation else (),
        page="docs/index.html",
    )
    write_text(folder / FILE, json.dumps(describe(subject), indent=1, ensure_ascii=False))


def renew_cards(lake: Lake) -> None:
    """Write the cards of all published versions again that have one, as after an erasure has rewritten files."""
    for version in lake.versions():
        if (lake.version_path(version) / FILE).exists():
            write_card(lake, version)
