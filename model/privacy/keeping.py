"""What is kept of whom, and for how long: predictions, reports, images from reports, tombstones, caches."""

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
"""The settings that say how long and how much is kept."""

_WITHOUT_END: Final = (
    "a report that was accepted, until it is withdrawn; one that tells how often its reporter was right, without"
    " picture and comment; what was accepted, in the lake; tombstones, which are hashes; detectors that were trained"
)


@dataclass(kw_only=True)
class Client:
    """What is kept of a client: predictions with the times (UTC) of oldest and newest, reports, and how many wait.

    `pictures` counts the reports with a picture, `bytes` is the size of all reports on the disk.
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
    """Clients by name; images that the lake has from reports; tombstones, and those whose bytes are still to go.

    `caches` counts the files of decoded images on this machine, `settings` holds those that bound what is kept.
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
        """Return it ready for JSON, times as text."""
        return asdict(self)


def look(settings: Settings) -> Kept:
    """Look what is kept, and change nothing.

    Raises SQLAlchemyError when the prediction log does not answer, SourceError for a damaged report.
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
    """Count as `count_by_client` does; none where no prediction was ever written, and nothing is made there."""
    with opened(settings.predictions_url) as engine:
        file = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
        if file is not None and not Path(file).exists():
            return []
        return count_by_client(engine) if inspect(engine).has_table(PREDICTIONS.name) else []


def _count_rows(lake: Lake) -> tuple[int, int]:
    """Count the images that came by reports and are still there, and all rows whose bytes were erased."""
    from_reports = erased = 0
    for rows in lake.scan(["source", "decode_error"]):
        gone = pc.fill_null(pc.equal(rows["decode_error"], ERASED), fill_value=False)
        erased += pc.sum(gone).as_py() or 0
        from_reports += pc.sum(pc.and_not(pc.equal(rows["source"], REPORTS), gone)).as_py() or 0
    return from_reports, erased
