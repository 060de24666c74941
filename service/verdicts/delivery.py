"""What happens to every verdict before it leaves, whichever endpoint gives it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Response
from pydantic import BaseModel
from structlog.contextvars import bind_contextvars

from service.context import client_name, context
from service.records.prediction_table import Prediction
from service.verdicts.verdict import Verdict


def deliver(verdict: Verdict) -> Verdict:
    """Count the verdict, remember it and name it in the request's line of log."""
    _record(verdict)
    bind_contextvars(
        version=verdict.model.version,
        decision=verdict.decision,
        image_sha256=verdict.image.sha256,
        timings_ms=verdict.timings_ms.model_dump(),
    )
    return verdict


def deliver_batch(verdicts: Sequence[Verdict], *, version: str) -> None:
    """Count and remember each verdict of `version` and sum them up in the request's line of log."""
    for verdict in verdicts:
        _record(verdict)
    bind_contextvars(version=version, decisions=dict(Counter(verdict.decision for verdict in verdicts)))


def respond(answer: BaseModel) -> Response:
    """Write an answer as JSON in one step; APIFlask takes three, by way of a dict, which a verdict a request feels."""
    return Response(answer.model_dump_json(), content_type="application/json")


def _record(verdict: Verdict) -> None:
    shared = context()
    shared.metrics.verdict_given(verdict)
    shared.predictions.record(Prediction.of(verdict, client=client_name(), at=datetime.now(UTC)))
