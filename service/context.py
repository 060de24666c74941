"""What the request handlers share: the limits, the metrics, the detector in service and who signs receipts."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from model.images import Limits
from service.metrics import Metrics
from service.model_store import ModelStore, ServedModel
from service.problems import Refusal
from service.receipts import Notary


@dataclass(frozen=True, kw_only=True)
class Context:
    """One per application, made by the factory."""

    limits: Limits
    metrics: Metrics
    store: ModelStore
    notary: Notary | None = None

    def require_model(self) -> ServedModel:
        """Return the model in service; a request calls this once, so that its answer is wholly one version's.

        Raises Refusal `not_ready` as long as no version was ever promoted and fetched.
        """
        model = self.store.current
        if model is None:
            raise Refusal("not_ready", "no detector is in service yet: none was promoted, or it is still being fetched")
        return model

    def require_notary(self) -> Notary:
        """Return who signs receipts; raises Refusal `receipts_off` where no key was set."""
        if self.notary is None:
            raise Refusal(
                "receipts_off",
                "this service signs no receipts; its operator can let it by naming a key in TRUEGRAIN_RECEIPT_KEY",
            )
        return self.notary


def context() -> Context:
    """Return the Context of the application that handles the current request."""
    return cast(Context, current_app.extensions["truegrain"])
