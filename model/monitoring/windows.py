"""Reads the predictions that drift is measured on from their table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Engine, Row, RowMapping, Select, and_, func, select

from model.detectors.traffic_sample import EMBEDDING, FACTS, Sample
from model.monitoring.database import in_utc
from model.monitoring.fair_window import REACHES, Candidate, FairWindow
from model.monitoring.predictions import ANONYMOUS, PREDICTIONS, Packed

_LOOKED_AT: Final = 25
"""How many times the share of a time slice is read, so that one client's flood in it hides no other client."""

_AT_ONCE: Final = 500
"""Most ids that a query names; SQLite takes 32,766 at most."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Predictions of one version, oldest first: ids, times (UTC; None: there are no predictions) and facts.

    `first` and `last` are the times of the oldest and of the newest prediction. Half of the predictions or more were
    given at `middle` or later. `outside` is the share of the images that are out of the detector's domain, 0 if the
    detector cannot tell.
    """

    ids: tuple[str, ...]
    first: datetime | None
    middle: datetime | None
    last: datetime | None
    sample: Sample
    outside: float


def read_window(engine: Engine, *, model_version: str, model_sha256: str, most: int, until: datetime) -> Window:
    """Return at most `most` predictions that the version with this number and hash has given up to `until`.

    They are the newest, each image once, within the shares of `model.monitoring.fair_window`. Rows of an earlier
    release that have no facts are skipped.
    """
    ours = _of_version(model_version, model_sha256)
    with engine.connect() as connection:
        chosen = _choose(connection, ours, FairWindow(most, until, ANONYMOUS))
        rows = _read(connection, [one.id for one in reversed(chosen)])
    times = [in_utc(row["at"]) for row in rows]
    return Window(
        ids=tuple(row["id"] for row in rows),
        first=times[0] if times else None,
        middle=times[len(times) // 2] if times else None,
        last=times[-1] if times else None,
        sample=_to_sample(rows),
        outside=sum(row["in_domain"] is False for row in rows) / max(1, len(rows)),
    )


def find_newest(engine: Engine, *, model_version: str, model_sha256: str) -> datetime | None:
    """Return the time (UTC) of a version's newest prediction, even if it lies in the future; None without any."""
    at = PREDICTIONS.c.at
    newest = select(at).where(_of_version(model_version, model_sha256)).order_by(at.desc()).limit(1)
    with engine.connect() as connection:
        found = connection.execute(newest).scalar_one_or_none()
    return None if found is None else in_utc(found)


def _of_version(model_version: str, model_sha256: str) -> ColumnElement[bool]:
    columns = PREDICTIONS.c
    return and_(
        columns.model_version == model_version, columns.model_sha256 == model_sha256, columns.bytes.is_not(None)
    )


def _choose(connection: Connection, ours: ColumnElement[bool], window: FairWindow) -> list[Candidate]:
    """Return the predictions of a window, newest first.

    Each time slice is queried on its own for a few rows of each client. So a flood in one slice hides neither other
    slices nor other clients, and costs no more. Whether only one client sends is known once all slices were queried.
    """
    found = set(_find_newest(connection, ours, until=window.until, most=2 * window.most))
    at = PREDICTIONS.c.at
    oldest = connection.execute(select(at).where(ours).order_by(at).limit(1)).scalar_one_or_none()
    if oldest is None:
        return []
    for reach in REACHES:
        for begin, end in window.slices(reach):
            found.update(_find_of_each(connection, ours, after=begin, until=end, most=window.share_of_slice))
        if in_utc(oldest) > window.until - reach:
            break
        if len({one.client for one in found}) > 1 and window.is_filled(found, reach):
            break
    return window.choose(found)


def _find_newest(connection: Connection, ours: ColumnElement[bool], *, until: datetime, most: int) -> list[Candidate]:
    """Return the newest `most` predictions given up to `until`."""
    return _to_candidates(connection.execute(_newest(ours, until=until).limit(most)))


def _find_of_each(
    connection: Connection, ours: ColumnElement[bool], *, after: datetime, until: datetime, most: int
) -> list[Candidate]:
    """Return the newest `most` predictions of each client in a time slice, among its newest _LOOKED_AT * `most`."""
    newest = _newest(ours, until=until).where(PREDICTIONS.c.at > after).limit(_LOOKED_AT * most).subquery()
    order = (newest.c.at.desc(), newest.c.id)
    place = func.row_number().over(partition_by=newest.c.client, order_by=order).label("place")
    placed = select(newest, place).subquery()
    return _to_candidates(connection.execute(select(placed).where(placed.c.place <= most)))


def _newest(ours: ColumnElement[bool], *, until: datetime) -> Select[tuple[str, datetime, str, str]]:
    columns = PREDICTIONS.c
    wanted = select(columns.id, columns.at, columns.client, columns.image_sha256).where(ours, columns.at <= until)
    return wanted.order_by(columns.at.desc(), columns.id)


def _to_candidates(rows: Iterable[Row[Any]]) -> list[Candidate]:
    return [Candidate(row.id, in_utc(row.at), row.client, row.image_sha256) for row in rows]


def _read(connection: Connection, ids: Sequence[str]) -> list[RowMapping]:
    """Return the rows with these ids in their order; a row that was deleted meanwhile is missing."""
    columns = PREDICTIONS.c
    wanted = select(*(columns[name] for name in ("id", "at", "probability", *FACTS, "embedding", "in_domain")))
    found: dict[str, RowMapping] = {}
    for start in range(0, len(ids), _AT_ONCE):
        part = connection.execute(wanted.where(columns.id.in_(ids[start : start + _AT_ONCE])))
        found |= {row["id"]: row for row in part.mappings()}
    return [found[id_] for id_ in ids if id_ in found]


def _to_sample(rows: Sequence[RowMapping]) -> Sample:
    columns = {name: [row[name] for row in rows] for name in ("probability", *FACTS)}
    return Sample.of(columns | {"embedding": _to_embedding([row["embedding"] for row in rows])})


def _to_embedding(stored: Sequence[Packed | None]) -> NDArray[np.float32] | None:
    """Return the embeddings [n, d]; None unless every row has an embedding of the same length."""
    given = [one for one in stored if one is not None]
    if not given or len(given) < len(stored) or len({len(one) for one in given}) > 1:
        return None
    return np.frombuffer(b"".join(given), EMBEDDING).reshape(len(given), -1).astype(np.float32)
