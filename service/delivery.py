"""What happens to every verdict before it leaves, whichever endpoint gives it."""

from datetime import UTC, datetime

from structlog.contextvars import bind_contextvars

from service.context import client_name, context
from service.prediction_table import Prediction
from service.verdict import Verdict


def deliver(verdict: Verdict) -> Verdict:
    """Count the verdict, remember it and name it in the request's line of log."""
    shared = context()
    shared.metrics.verdict_given(verdict)
    shared.predictions.record(Prediction.of(verdict, client=client_name(), at=datetime.now(UTC)))
    bind_contextvars(version=verdict.model.version, decision=verdict.decision, image_sha256=verdict.image.sha256)
    return verdict
