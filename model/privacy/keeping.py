"""Counts what is kept about each client: predictions, reports, images from reports, tombstones and caches."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
from sqlalchemy import inspect

from model.dataset.lake import Lake
from model.dataset.shards import ERASED
from model.dataset.tombstones import read_tombstones
from model.feedback.reports import path_of, read_statements
from model.monitoring.database import opened
from model.monitoring.predictions import PREDICTIONS, count_by_client
from model.settings import Settings
from model.sources.reports import SOURCE as REPORTS

RETENTION: Final = ("prediction_days", "feedback_waiting", "feedback_waiting_bytes")
"""The settings that limit for how long and how much is kept."""

_WITHOUT_END: Final = (
    "accepted reports, until they are withdrawn; reports that count for or against their reporter, without picture"
    " and comment; accepted images, in the lake; tombstones, which are hashes; trained detectors"
)


@dataclass(kw_only=True)
class Client:
    """What is kept about a client: predictions with the times (UTC) of the oldest and the newest, and reports.

    `waiting` counts the reports that are not reviewed, `pictures` the reports with a picture. `bytes` is the size of
    all reports on the disk.
    """

    predictions: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    reports: int = 0
    waiting: int = 0
    pictures: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is kept: `clients` by name, and counts over all clients.

    `images_from_reports` counts images of the lake, `erased_rows` rows whose bytes were erased. `to_erase` counts the
    tombstones whose bytes are not erased yet. `caches` counts the files of decoded images on this machine. `settings`
    holds the settings that limit what is kept, `without_end` says what they do not limit.
    """

    clients: dict[str, Client]
    images_from_reports: int
    erased_rows: int
    tombstones: int
    to_erase: int
    caches: int
    cache_bytes: int
    settings: dict[str, int]
    without_end: str = field(default=_WITHOUT_END)

    def to_json(self) -> dict[str, Any]:
        """Return the counts ready for JSON, times as text."""
        return asdict(self)


def look(settings: Settings) -> Kept:
    """Count what is kept, and change nothing.

    Raises SQLAlchemyError if the prediction log does not answer, and SourceError for a damaged report.
    """
    lake = Lake(settings.lake_url)
    stones = read_tombstones(lake)
    from_reports, erased = _count_rows(lake)
    caches = [path.stat().st_size for path in (settings.home / "cache").glob("*.npy")]
    return Kept(
        clients=dict(sorted(_look_at_clients(settings, lake).items())),
        images_from_reports=from_reports,
        erased_rows=erased,
        tombstones=len(stones),
        to_erase=int((stones["erase"] & stones["erased_at"].isna()).sum()),
        caches=len(caches),
        cache_bytes=sum(caches),
        settings={f"TRUEGRAIN_{name.upper()}": getattr(settings, name) for name in RETENTION},
    )


def _look_at_clients(settings: Settings, lake: Lake) -> dict[str, Client]:
    clients: defaultdict[str, Client] = defaultdict(Client)
    for name, count, oldest, newest in _count_predictions(settings):
        clients[name].predictions, clients[name].oldest, clients[name].newest = count, oldest, newest
    for said in read_statements(lake.root):
        client = clients[said.client]
        client.reports += 1
        client.waiting += said.review is None
        client.pictures += said.kept
        client.bytes += path_of(lake.root, said.id).stat().st_size
    return clients


def _count_predictions(settings: Settings) -> list[tuple[str, int, datetime, datetime]]:
    """Count as `count_by_client` does; empty, and nothing is created, if no prediction was ever written."""
    with opened(settings.predictions_url) as engine:
        file = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
        if file is not None and not Path(file).exists():
            return []
        return count_by_client(engine) if inspect(engine).has_table(PREDICTIONS.name) else []


def _count_rows(lake: Lake) -> tuple[int, int]:
    """Count the images that came from reports and are still there, and all rows whose bytes were erased."""
    from_reports = erased = 0
    for rows in lake.scan(["source", "decode_error"]):
        gone = pc.fill_null(pc.equal(rows["decode_error"], ERASED), fill_value=False)
        erased += pc.sum(gone).as_py() or 0
        from_reports += pc.sum(pc.and_not(pc.equal(rows["source"], REPORTS), gone)).as_py() or 0
    return from_reports, erased
