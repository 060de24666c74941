"""What the request handlers share: the limits, the metrics, the detector in service and the turnstile before it."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from model.images import Limits
from service.metrics import Metrics
from service.model_store import ModelStore, ServedModel
from service.problems import Refusal
from service.turnstile import Turnstile


@dataclass(frozen=True, kw_only=True)
class Context:
    """One per application, made by the factory."""

    limits: Limits
    metrics: Metrics
    store: ModelStore
    turnstile: Turnstile

    def require_model(self) -> ServedModel:
        """Return the model in service; a request calls this once, so that its answer is wholly one version's.

        Raises Refusal `not_ready` as long as no version was ever promoted and fetched.
        """
        model = self.store.current
        if model is None:
            raise Refusal("not_ready", "no detector is in service yet: none was promoted, or it is still being fetched")
        return model


def context() -> Context:
    """Return the Context of the application that handles the current request."""
    return cast(Context, current_app.extensions["truegrain"])
