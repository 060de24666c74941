"""The service without prediction log and metrics, so that their cost can be measured."""

from typing import Self
from unittest.mock import patch

from apiflask import APIFlask

from service.app import create_app

APP = f"{__name__}:create_bare_app()"
"""The application's address for gunicorn."""


class _Nothing:
    """Takes every call and does nothing, in a fraction of a microsecond."""

    def __getattr__(self, _name: str) -> Self:
        return self

    def __call__(self, *_: object, **__: object) -> Self:
        return self


def create_bare_app() -> APIFlask:
    """Build the application with a prediction log, rows, metrics and a scrape that do nothing.

    The rows stay replaced for the rest of this process, since each verdict makes one.
    """
    nothing = _Nothing()
    patch("service.context.to_prediction", nothing).start()
    with patch.multiple("service.app", PredictionLog=nothing, Metrics=nothing, scrape=nothing):
        return create_app()
