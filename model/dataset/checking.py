"""Checks what a location names: every source of it would be ingested, would be refused, or cannot be read."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from model.dataset.contained.budget import Budget
from model.dataset.contained.previewer import preview
from model.dataset.contained.reader import sources_of
from model.dataset.preview import Preview
from model.dataset.previewing import SAMPLE, preview_here
from model.errors import SourceError, UnreadableSource
from model.sources.declaration import Source, declared_sources
from model.sources.web.reach import PUBLIC, Reach
from model.sources.web.secrets import without_secrets

INGESTED: Final = 0
REFUSED: Final = 1
UNREADABLE: Final = 2
"""What would become of a source; these are the exit statuses of the command, too."""


@dataclass(frozen=True)
class Checked:
    """A source with its preview, or with the error for which it has none."""

    source: Source
    preview: Preview | None = None
    error: SourceError | None = None

    @property
    def status(self) -> int:
        """What would become of the source: INGESTED, REFUSED or UNREADABLE."""
        if self.error is None:
            return INGESTED
        return UNREADABLE if isinstance(self.error, UnreadableSource) else REFUSED

    @property
    def name(self) -> str:
        """What the source is called, or its location without secrets."""
        return self.source.name or without_secrets(self.source.location)

    @property
    def verdict(self) -> str:
        """What would become of the source, in words."""
        if self.preview is not None:
            return "Would be ingested, with warnings" if self.preview.warnings() else "Would be ingested"
        return "Cannot be read" if self.status == UNREADABLE else "Would be refused"

    def to_json(self) -> dict[str, Any]:
        """Return what was found as JSON; images are left out."""
        told: dict[str, Any] = {
            "name": self.name,
            "location": without_secrets(self.source.location),
            "status": self.status,
            "verdict": self.verdict,
            "error": None if self.error is None else str(self.error),
        }
        return told if self.preview is None else told | _to_json(self.preview)


def check(
    location: str, *, sample: int = SAMPLE, reach: Reach = PUBLIC, budget: Budget | None = None
) -> tuple[Checked, ...]:
    """Check every source of a location, and read about `sample` images of each; nothing is written.

    With a `budget` child processes read the sources. Raises SourceError for a declaration that cannot be read or
    understood.
    """
    declared = declared_sources(location, reach) if budget is None else sources_of(location, reach=reach, budget=budget)
    return tuple(_check(source, sample=sample, reach=reach, budget=budget) for source in declared)


def _check(source: Source, *, sample: int, reach: Reach, budget: Budget | None) -> Checked:
    try:
        if budget is None:
            return Checked(source, preview_here(source, sample=sample, reach=reach))
        return Checked(source, preview(source, sample=sample, reach=reach, budget=budget))
    except SourceError as error:
        return Checked(source, error=error)


def _to_json(found: Preview) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "because": found.because,
        "images": found.images.total(),
        "entries": found.entries,
        "labels": found.count_by("label"),
        "splits": found.count_by("split"),
        "generators": found.count_by("generator"),
        "groups": [asdict(facts) | {"images": images} for facts, images in found.images.items()],
        "endings": dict(found.endings),
        "collections": found.count_by("collection"),
        "remarks": [asdict(remark) for remark in found.remarks],
        "sample": found.read,
        "formats": found.formats(),
        "sizes": {name: list(sizes) for name, sizes in found.sizes().items()},
        "undecodable": found.undecodable(),
        "unread": [{"path": path, "reason": reason} for path, reason in found.unread],
        "shortcuts": {name: asdict(shortcut) for name, shortcut in found.shortcuts().items()},
        "warnings": found.warnings(),
        "examples": [
            {name: row[name] for name in ("origin", "label", "split_hint", "generator", "width", "height", "format")}
            for row in found.examples
        ],
    }
