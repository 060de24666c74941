"""Tells the state of the pipeline: its newest dataset version, last validation, and registered detectors."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from upath import UPath

from model.dataset.lake import Lake
from model.dataset.manifest import SPLITS, count_rows
from model.dataset.validation import FILE, Validation
from model.labels import CLASSES
from model.registry import ModelVersion
from model.registry.version_tags import ASKED, FAILED, GATE, OVERRIDDEN, PASSED

UNDECIDED: Final = "undecided"
GATES: Final = (PASSED, FAILED, ASKED, OVERRIDDEN, UNDECIDED)
"""All values of the tag GATE of a version, and UNDECIDED for a version without the tag."""


@dataclass(frozen=True, kw_only=True)
class LakeState:
    """The newest dataset version and the last validation; None if there is none. Times are seconds since the epoch."""

    latest: str | None
    published_at: float | None
    validated_at: float | None
    validation_passed: bool | None


@dataclass(frozen=True, kw_only=True)
class RegistrySummary:
    """How many versions have each outcome of the gate, and how many of the newest versions failed in a row.

    A version about which a person was asked, and did not say yes, counts as failed.
    `newest_at` and `production_at` are when the newest version, and the version in production, were registered. Both
    are seconds since the epoch, or None without such a version.
    """

    gates: Mapping[str, int]
    refused_in_a_row: int
    newest_at: float | None
    production_at: float | None


def survey_lake(lake: Lake) -> LakeState:
    """Look up the newest published dataset version, and the outcome of the last validation of any version."""
    latest = lake.latest()
    folder = lake.root / "datasets"
    found = list(folder.glob(f"*/{FILE}")) if folder.exists() else []
    newest = max((_day(path) for path in found), default="")
    verdicts = {path: lake.modified_at(path) for path in found if _day(path) == newest}
    last = max(verdicts, key=lambda path: verdicts[path], default=None)
    return LakeState(
        latest=latest,
        published_at=lake.published_at(latest).timestamp() if latest else None,
        validated_at=verdicts[last].timestamp() if last else None,
        validation_passed=Validation.from_json(last.read_bytes()).success if last else None,
    )


def _day(path: UPath) -> str:
    """Return the day on which the dataset version of the file `path` was assembled; its name begins with the day."""
    return path.parent.name[:8]


def count_images(lake: Lake, version: str) -> dict[tuple[str, str], int]:
    """Count the images of a published dataset version for every combination of label and split."""
    found = count_rows(lake, version, by=("label", "split"))
    return {(label, split): found[label, split] for label in CLASSES for split in SPLITS}


def survey_registry(versions: Sequence[ModelVersion], production: ModelVersion | None) -> RegistrySummary:
    """Count the gate's outcomes over all `versions`; `production` is the version in production, or None."""
    newest_first = sorted(versions, key=lambda version: int(version.version), reverse=True)
    said = [version.tags.get(GATE, UNDECIDED) for version in newest_first]
    counts = Counter(said)
    return RegistrySummary(
        gates={gate: counts[gate] for gate in GATES},
        refused_in_a_row=len(list(takewhile(lambda gate: gate in (FAILED, ASKED), said))),
        newest_at=newest_first[0].registered_at if newest_first else None,
        production_at=production.registered_at if production else None,
    )
