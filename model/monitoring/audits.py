"""Draws predictions at random for a person to label, keeps the labels, and estimates accuracy from them.

No picture is kept: the person looks the picture up where it was sent from. An audit holds no client and no hash of an
image either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Engine,
    Float,
    MetaData,
    String,
    Table,
    and_,
    case,
    delete,
    func,
    insert,
    select,
)

from model.labels import AI, CLASSES
from model.monitoring import predictions
from model.monitoring.database import in_utc, make_table
from model.monitoring.prediction_powered import estimate_audited_accuracy
from model.monitoring.predictions import PREDICTIONS
from model.monitoring.terms import Audit

AUDITED: Final = Table(
    "audited",
    MetaData(),
    Column("id", String(32), primary_key=True),
    Column("drawn_at", DateTime(timezone=True), nullable=False, index=True),
    Column("model_version", String(32), nullable=False),
    Column("model_sha256", String(64)),
    Column("label", String(8), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("truth", String(8)),
)
"""One row for each prediction that a person was asked about; `truth` is null if the person could not tell."""

_CONFIDENCE: Final = case(
    (PREDICTIONS.c.label == CLASSES[AI], PREDICTIONS.c.probability), else_=1 - PREDICTIONS.c.probability
)
"""The detector's probability of its own answer."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A prediction that was drawn: what a person needs to find the picture, and what the estimate needs."""

    id: str
    at: datetime
    client: str
    image_sha256: str
    model_version: str
    model_sha256: str | None
    label: str
    confidence: float


def prepare(engine: Engine) -> None:
    """Create the table unless it exists, and the table of predictions."""
    predictions.prepare(engine)
    make_table(engine, AUDITED)


def draw(engine: Engine, *, most: int, since: datetime, until: datetime) -> list[Drawn]:
    """Draw at most `most` predictions of that time, each with the same chance, of the version that gave the newest one.

    Predictions that were drawn before are left out.
    """
    columns = PREDICTIONS.c
    within = and_(columns.at > since, columns.at <= until)
    newest = select(columns.model_version, columns.model_sha256).where(within).order_by(columns.at.desc()).limit(1)
    names = ("id", "at", "client", "image_sha256", "model_version", "model_sha256", "label")
    wanted = select(*(columns[name] for name in names), _CONFIDENCE.label("confidence"))
    with engine.connect() as connection:
        version = connection.execute(newest).one_or_none()
        if version is None:
            return []
        fresh = columns.id.not_in(select(AUDITED.c.id))
        some = wanted.where(within, _is_of(*version), fresh).order_by(func.random()).limit(most)
        rows = connection.execute(some).mappings().all()
    return [Drawn(**dict(row) | {"at": in_utc(row["at"])}) for row in rows]


def keep(engine: Engine, drawn: Sequence[Drawn], truth: Mapping[str, str | None], *, now: datetime) -> None:
    """Keep what a person found: the label of each drawn prediction by its id; a missing label could not be told."""
    names = {column.name for column in AUDITED.columns}
    rows = [
        {name: value for name, value in asdict(one).items() if name in names}
        | {"drawn_at": now, "truth": truth.get(one.id)}
        for one in drawn
    ]
    with engine.begin() as connection:
        there = set(
            connection.execute(select(AUDITED.c.id).where(AUDITED.c.id.in_([one.id for one in drawn]))).scalars()
        )
        if new := [row for row in rows if row["id"] not in there]:
            connection.execute(insert(AUDITED), new)


def summarise(engine: Engine, *, model_version: str, model_sha256: str, since: datetime) -> Audit | None:
    """Estimate the accuracy of a version from the predictions drawn after `since`; None if none has a label."""
    audited = select(AUDITED.c.label, AUDITED.c.confidence, AUDITED.c.truth).where(
        AUDITED.c.drawn_at > since,
        AUDITED.c.model_version == model_version,
        AUDITED.c.model_sha256 == model_sha256,
    )
    given = select(func.count(), func.avg(_CONFIDENCE), func.avg(_CONFIDENCE * _CONFIDENCE)).where(
        PREDICTIONS.c.at > since, _is_of(model_version, model_sha256)
    )
    with engine.connect() as connection:
        rows = connection.execute(audited).all()
        labelled = [row for row in rows if row.truth is not None]
        if not labelled:  # the usual case: reading all predictions takes long
            return None
        verdicts, mean, mean_square = connection.execute(given).one()
    if not verdicts:
        return None
    accuracy = estimate_audited_accuracy(
        np.array([row.label == row.truth for row in labelled]),
        np.array([row.confidence for row in labelled]),
        mean=mean,
        variance=max(0.0, mean_square - mean**2),
        verdicts=max(verdicts, len(labelled)),
    )
    return Audit(drawn=len(rows), labelled=len(labelled), accuracy=accuracy)


def forget(engine: Engine, *, until: datetime) -> None:
    """Delete the audits that were drawn up to `until`."""
    with engine.begin() as connection:
        connection.execute(delete(AUDITED).where(AUDITED.c.drawn_at <= until))


def _is_of(model_version: str, model_sha256: str | None) -> ColumnElement[bool]:
    return and_(PREDICTIONS.c.model_version == model_version, PREDICTIONS.c.model_sha256 == model_sha256)
