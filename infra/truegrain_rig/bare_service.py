"""The service without its prediction log and its metrics: what these two cost is the difference."""

from typing import Self
from unittest.mock import patch

from apiflask import APIFlask

from service.app import create_app

APP = f"{__name__}:create_bare_app()"
"""How gunicorn finds it."""


class _Nothing:
    """Takes every call and does nothing, in a fraction of a microsecond."""

    def __getattr__(self, _name: str) -> Self:
        return self

    def __call__(self, *_: object, **__: object) -> Self:
        return self


def create_bare_app() -> APIFlask:
    """Build the application as it is, but for a log, its rows, metrics and a scrape that do nothing.

    For the rest of this process, for the rows are made with each verdict.
    """
    nothing = _Nothing()
    patch("service.context.to_prediction", nothing).start()
    with patch.multiple("service.app", PredictionLog=nothing, Metrics=nothing, scrape=nothing):
        return create_app()
