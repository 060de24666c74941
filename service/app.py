"""The application factory: settings in, a Flask application that serves verdicts out."""

import os

from apiflask import APIFlask

from model.images import Limits
from model.settings import Settings
from service import (
    access,
    admission,
    batch,
    browsers,
    docs,
    errors,
    health,
    model_info,
    openapi,
    predict,
    rate_limits,
    request_log,
    scrape,
    trust,
    uploads,
)
from service.context import Context
from service.keyring import Keyring
from service.metrics import Metrics
from service.model_store import ModelStore
from service.pointer import pointer_path
from service.turnstile import Turnstile


def create_app(settings: Settings | None = None) -> APIFlask:
    """Build the application and take the last good detector on this machine into service.

    A thread of the calling process then follows the pointer file; so call this after the fork. Without `settings`
    they are read from the environment; raises SettingsError when that is wrong.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = APIFlask(__name__, title="Truegrain", docs_path=None, json_errors=False)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a verdict begins with its label
    metrics = Metrics()
    store = ModelStore(pointer_path(settings.home), metrics)
    limits = Limits(max_bytes=settings.max_upload_bytes, max_pixels=settings.max_pixels)
    turnstile = Turnstile(places=settings.queue, patience=settings.queue_seconds)
    app.extensions["truegrain"] = Context(limits=limits, metrics=metrics, store=store, turnstile=turnstile)

    for part in (request_log, uploads, errors, scrape, openapi):
        part.init_app(app)
    _protect(app, settings)
    for blueprint in (predict.blueprint, batch.blueprint, model_info.blueprint, health.blueprint, docs.blueprint):
        app.register_blueprint(blueprint)
    store.start()
    return app


def _protect(app: APIFlask, settings: Settings) -> None:
    """Put what decides on a request before it, in the order in which it is asked."""
    trust.init_app(app, hosts=_listed(settings.trusted_hosts), proxies=settings.proxies)
    browsers.init_app(app, origins=_listed(settings.cors_origins))
    access.init_app(app, Keyring(settings.api_keys_path), required=settings.require_auth)
    rate_limits.init_app(app, settings)
    admission.init_app(app)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
