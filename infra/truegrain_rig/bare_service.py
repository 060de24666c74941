"""The service without log, metrics, hashes, evidence and prediction log, so that their cost can be measured."""

from types import SimpleNamespace
from typing import Final, Self
from unittest.mock import patch

from apiflask import APIFlask

from service.app import create_app

APP = f"{__name__}:create_bare_app()"
"""The application's address for gunicorn."""


NO_HASH: Final = "0" * 64
"""In place of each image's hash."""


class _Nothing:
    """Takes every call and does nothing, in a fraction of a microsecond."""

    def __getattr__(self, _name: str) -> Self:
        return self

    def __call__(self, *_: object, **__: object) -> Self:
        return self


def create_bare_app() -> APIFlask:
    """Build the application with a prediction log, metrics and a scrape that do nothing.

    The line of log, the hash, the evidence and the row of the prediction log stay replaced for the rest of this
    process.
    """
    nothing, hashes = _Nothing(), SimpleNamespace(sha256=lambda _: SimpleNamespace(hexdigest=lambda: NO_HASH))
    for name, other in (
        ("service.context.to_prediction", nothing),
        ("service.request_log.log_request", nothing),
        ("service.verdicts.image_views.hashlib", hashes),
        ("service.verdicts.image_views.read_provenance", lambda *_, **__: ()),
    ):
        patch(name, other).start()
    with patch.multiple("service.app", PredictionLog=nothing, Metrics=nothing, scrape=nothing):
        return create_app()
