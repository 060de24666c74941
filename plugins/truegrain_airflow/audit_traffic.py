"""Implements the tasks of `audit_traffic`: draw predictions, ask a person for their labels, and keep the answers."""

import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from truegrain_airflow.environment import read_settings
from truegrain_airflow.forms import read

PATIENCE = timedelta(days=7)
"""How long a question waits. Without an answer nothing is kept."""

PREDICTIONS = 50
"""How many predictions are drawn, unless the form says otherwise."""

DAYS = 7
"""From how many of the last days they are drawn, unless the form says otherwise."""

_TASK = "ask"
_KEEP, _LEAVE = "Keep my answers", "Leave them all"
_QUESTION = """These are {count} predictions that were drawn at random. Truegrain keeps no pictures. Look each picture
up where it was sent from, by the id of the prediction or the SHA-256 sum of the file.

Enter the numbers of the pictures that are AI and that are real, such as `1` or `4-7`. Leave a picture out only if you
cannot tell. The detector's answers are not shown, so that they do not sway you.

| | prediction | UTC | client | SHA-256 |
|---|---|---|---|---|
{lines}
"""
log = logging.getLogger("truegrain.audit")


def draw() -> list[dict[str, Any]]:
    """Draw predictions at random and return them for the task `keep`; raises AirflowSkipException without predictions.

    The XCom `question` holds the question as Markdown.
    """
    from model.monitoring import audits
    from model.monitoring.database import opened

    most, days, now = read("predictions") or PREDICTIONS, read("days") or DAYS, datetime.now(UTC)
    with opened(read_settings().predictions_url) as engine:
        audits.prepare(engine)
        drawn = audits.draw(engine, most=most, since=now - timedelta(days=days), until=now)
    if not drawn:
        raise AirflowSkipException(f"no predictions within {days} days")
    get_current_context()["ti"].xcom_push("question", describe(drawn))
    return [asdict(one) | {"at": one.at.isoformat()} for one in drawn]


def describe(drawn: Iterable[Any]) -> str:
    """Return the question about `drawn` predictions as Markdown, a numbered line for each, without the verdicts."""
    lines = [
        f"| {number} | `{one.id}` | {one.at:%Y-%m-%d %H:%M:%S} | {one.client} | `{one.image_sha256}` |"
        for number, one in enumerate(drawn, 1)
    ]
    return _QUESTION.format(count=len(lines), lines="\n".join(lines))


def ask() -> HITLOperator:
    """Return the task that asks a person and waits without occupying a worker."""
    return HITLOperator(
        task_id=_TASK,
        subject="What are these pictures? They were drawn at random from the traffic.",
        body="{{ ti.xcom_pull('draw', key='question') }}",
        options=[_KEEP, _LEAVE],
        defaults=_LEAVE,
        params={
            "ai": _numbers("Numbers of the pictures that are AI, one a line: 1, or 4-7"),
            "real": _numbers("Numbers of the pictures that are real"),
        },
        response_timeout=PATIENCE,
    )


def keep() -> None:
    """Keep the answers; raises FeedbackError for a number that is not in the question.

    Raises AirflowSkipException if the person left the question.
    """
    from model.feedback.review_form import read_answers
    from model.labels import AI, CLASSES, REAL
    from model.monitoring import audits
    from model.monitoring.database import opened

    task = get_current_context()["ti"]
    response = task.xcom_pull(_TASK)
    if response["chosen_options"] != [_KEEP]:
        raise AirflowSkipException("the question was left")
    drawn = [audits.Drawn(**one | {"at": datetime.fromisoformat(one["at"])}) for one in task.xcom_pull("draw")]
    given = response["params_input"]
    numbers: dict[str | None, Iterable[object]] = {
        CLASSES[AI]: given["ai"] or (),
        CLASSES[REAL]: given["real"] or (),
    }
    truth = read_answers([one.id for one in drawn], numbers)
    with opened(read_settings().predictions_url) as engine:
        audits.prepare(engine)
        audits.keep(engine, drawn, truth, now=datetime.now(UTC))
    log.info("%d of %d predictions are labelled", len(truth), len(drawn))


def _numbers(description: str) -> Param:
    return Param([], type=["null", "array"], description=description)
