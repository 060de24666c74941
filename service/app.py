"""The application factory: settings in, a Flask application that serves verdicts out."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from apiflask import APIFlask

from model.detectors.signature import find_public_key
from model.errors import SettingsError
from model.images.decoding import Limits
from model.images.provenance.content_credentials import read_trust_list
from model.settings import Settings
from service import errors, openapi, request_log
from service.answers.receipts import Notary
from service.context import Context
from service.endpoints import batch, compare, docs, explain, feedback, health, model, page, predict, receipts
from service.metrics import scrape
from service.metrics.service import Metrics
from service.protection import access, bodies, browsers, overload, rate_limits, uploads
from service.protection.api_keys import Keyring
from service.protection.queue import Queue
from service.records.prediction_log import PredictionLog
from service.records.report_room import ReportRoom
from service.records.reports import Reports
from service.status.pointer import pointer_path
from service.verdicts.model_store import ModelStore
from service.verdicts.recent_share import RecentShare
from service.verdicts.scorer import Scorer
from service.verdicts.shadowing import Shadowing


class _Application(APIFlask):
    """APIFlask for functions that are not `async`."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return `func`. Flask would look at each of twenty functions in each request whether it is `async`."""
        return func


def create_app(settings: Settings | None = None) -> APIFlask:
    """Build the application and load the last good detector on this machine.

    Call it after the fork: it starts threads that follow the pointer files, run the shadow and write the prediction
    log. `Context.stop` ends the threads. Without `settings`, the environment is read. Raises SettingsError for a
    setting that is not allowed.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = _Application(__name__, title="Truegrain", docs_path=None, json_errors=False)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a verdict begins with its label
    metrics = Metrics()
    metrics.worker_started(cost_per_hour=settings.cost_per_hour)
    limits = Limits(max_bytes=settings.max_upload_bytes, max_pixels=settings.max_pixels)
    keyring = Keyring(settings.api_keys_path)
    key = find_public_key(settings.require_signature)
    store = partial(ModelStore, metrics=metrics, public_key=key, device=settings.device)
    shadow = store(pointer_path(settings.home, "shadow"), alias="shadow")
    app.extensions["truegrain"] = shared = Context(
        home=settings.home,
        limits=limits,
        trust_list=_read_trust_list(settings.c2pa_trust_list),
        metrics=metrics,
        queue=Queue(places=settings.queue, patience=settings.queue_seconds),
        scorer=Scorer(),
        store=store(pointer_path(settings.home)),
        shadow=shadow,
        shadowing=Shadowing(shadow, metrics, limits=limits, share=settings.shadow_share)
        if settings.shadow_share
        else None,
        predictions=PredictionLog(settings.predictions_url, metrics, days=settings.prediction_days, home=settings.home),
        reports=Reports(
            settings.lake_url,
            lock=settings.reports_lock,
            room=ReportRoom.of(settings),
            agreement=settings.feedback_agreement,
        ),
        keyring=keyring,
        recent_share=RecentShare(settings.home),
        notary=Notary.load(Path(settings.receipt_key)) if settings.receipt_key else None,
    )

    request_log.init_app(app)
    uploads.init_app(app, limits)
    bodies.init_app(app, limits)
    errors.init_app(app)
    scrape.init_app(app, metrics)
    openapi.init_app(app)
    overload.init_app(app, shared.queue, keyring, metrics, limits)
    _protect(app, settings, shared)
    for blueprint in (
        page.blueprint,
        predict.blueprint,
        batch.blueprint,
        explain.blueprint,
        receipts.blueprint,
        compare.blueprint,
        feedback.blueprint,
        model.blueprint,
        health.blueprint,
        docs.blueprint,
    ):
        app.register_blueprint(blueprint)
    shared.start()
    return app


def _protect(app: APIFlask, settings: Settings, shared: Context) -> None:
    """Install the checks that run before each view, in the order in which they run."""
    origins, hosts = _listed(settings.cors_origins), _listed(settings.trusted_hosts)
    browsers.init_app(app, origins=origins, hosts=hosts, proxies=settings.proxies)
    access.identify_callers(app, shared.keyring)
    rate_limits.init_app(app, settings)  # before the roles: a client that guesses keys is counted
    access.check_roles(app, shared.keyring, required=settings.require_auth)


def _read_trust_list(path: str) -> str:
    try:
        return read_trust_list(Path(path)) if path else ""
    except SettingsError as error:
        raise SettingsError(f"TRUEGRAIN_C2PA_TRUST_LIST={path} is not allowed: {error}") from error


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
