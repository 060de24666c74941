"""What happens to every verdict before it leaves, whichever endpoint gives it."""

from structlog.contextvars import bind_contextvars

from service.context import context
from service.verdict import Verdict


def deliver(verdict: Verdict) -> Verdict:
    """Count the verdict and name it in the request's line of log."""
    context().metrics.verdict_given(verdict)
    bind_contextvars(version=verdict.model.version, decision=verdict.decision, image_sha256=verdict.image.sha256)
    return verdict
