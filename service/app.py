"""The application factory: settings in, a Flask application that serves verdicts out."""

import os
from pathlib import Path

from apiflask import APIFlask

from model.images import Limits
from model.settings import Settings
from service import (
    batch,
    docs,
    errors,
    explain,
    health,
    model_info,
    openapi,
    page,
    predict,
    receipt_desk,
    request_log,
    scrape,
    uploads,
)
from service.context import Context
from service.metrics import Metrics
from service.model_store import ModelStore
from service.pointer import pointer_path
from service.receipts import Notary


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
    notary = Notary.load(Path(settings.receipt_key)) if settings.receipt_key else None
    app.extensions["truegrain"] = Context(limits=limits, metrics=metrics, store=store, notary=notary)

    for part in (request_log, uploads, errors, scrape, openapi):
        part.init_app(app)
    for blueprint in (
        page.blueprint,
        predict.blueprint,
        batch.blueprint,
        explain.blueprint,
        receipt_desk.blueprint,
        model_info.blueprint,
        health.blueprint,
        docs.blueprint,
    ):
        app.register_blueprint(blueprint)
    store.start()
    return app
