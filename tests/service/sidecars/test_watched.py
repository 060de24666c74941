"""A real Prometheus watches the service: all rules and panels have data, and alerts are delivered."""

import io
import math
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from prometheus_client.parser import text_string_to_metric_families

from model.dataset.lake import Lake
from model.monitoring import audits
from model.monitoring.database import open_database
from model.registry import Registry
from model.registry.promotion import promote
from service.status.pointer import pointer_path
from support.metrics import labels
from support.observability import AIRFLOW_PAGE, FREE, QUERIES, Query, named_labels
from support.ordinary_traffic import draw_ordinary
from support.prometheus_stack import ALERTMANAGER, Prometheus, Told, alertmanager, exporting, prometheus

Serve = Callable[..., Any]
Publish = Callable[..., Any]
Draw = Callable[..., bytes]
Wait = Callable[..., None]

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and ALERTMANAGER), reason="prometheus or prometheus-alertmanager is not installed"
)
TROUBLES: Final = {
    "truegrain_drift_over",
    "truegrain_drift_unknown",
    "truegrain_model_load_failures",
    "truegrain_prediction_log_lag_seconds",
    "truegrain_prediction_log_waiting",
    "truegrain_shadow_skipped",
}
"""Metrics that are zero while all is well."""


@pytest.fixture
def models(mlflow_server: str, tmp_path: Path, tiny_artifact: Callable[..., Path]) -> Registry:
    """A registry with a detector in production, a shadow, and three detectors in a row that the gate refused."""
    registry = Registry(mlflow_server, model_name="watched", lock=tmp_path / "lock", experiment="watched")
    for gate, bias in (("passed", 0.0), ("failed", 0.5), ("failed", None), ("failed", None)):
        with registry.run("train", params={}) as run:
            if bias is not None:
                run.log_artifact(tiny_artifact(bias))
        registry.register(run.id, tags={"gate": gate})
    promote(registry, "1", reason="gate")
    registry.set_alias("shadow", "2")
    return registry


@pytest.fixture
def lake(home: Path, brightness_dataset: Callable[[Lake], str]) -> Lake:
    """A lake with a published dataset version, and a newer version that validation refused."""
    lake = Lake(str(home / "lake"))
    brightness_dataset(lake)
    refused = home / "lake" / "datasets" / "20260119-refused" / "validation.json"
    refused.parent.mkdir()
    refused.write_text('{"success": false}')
    return lake


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watcher(tmp_path: Path, told: Told) -> Iterator[Callable[..., Any]]:
    """`watcher(truegrain=address, …)` runs a Prometheus that scrapes these addresses; `told` gets its alerts."""

    def watch(**targets: str) -> Any:
        return prometheus(tmp_path / "prometheus", targets, alertmanager=address)

    with told.listening() as listener, alertmanager(tmp_path / "alertmanager", address=listener) as address:
        yield watch


def test_whatever_rules_and_panels_ask_for_is_there_until_traffic_drifts(
    serve: Serve,
    models: Registry,  # noqa: ARG001 - what it holds is what counts
    lake: Lake,  # noqa: ARG001
    home: Path,
    mlflow_server: str,
    watcher: Callable[..., Any],
    told: Told,
    draw: Draw,
    wait_until: Wait,
) -> None:
    service = serve(
        tracking_uri=mlflow_server,
        model_name="watched",
        cost_per_hour=0.36,
        shadow_share=1,
        drift_seconds=0.5,
        drift_window=120,
        drift_least=50,
    )
    wait_until(lambda: shadowed(service), what="production and its shadow")
    with (
        exporting(AIRFLOW_PAGE) as airflow,
        watcher(truegrain=service.url, mlflow=mlflow_server, airflow=airflow) as watching,
    ):
        for image in draw_ordinary(120, seed=3):
            service.predict(image)
        wait_until(lambda: audited(home), what="predictions to audit")
        await_data(watching, meanwhile=lambda: ask_everything(service, draw, wait_until))
        for query in QUERIES:
            check(query, watching)
        tickets = {("GateRefusedThrice", "webhook"), ("ValidationFailed", "webhook")}
        wait_until(lambda: told.alerts >= tickets, what="alerts about the pipeline")
        for image in draw_ordinary(240, seed=4):
            service.predict(brightened(image))
        drift = {("DriftFound", "webhook"), ("NewGeneratorSuspected", "slack")}  # the second silences the first
        wait_until(lambda: drift & told.alerts, what="an alert about images that are all bright")
    assert service.predict(draw()).ok, "nobody needs Prometheus for a verdict"
    exported = {
        family.name: sum(abs(sample.value) for sample in family.samples)
        for family in text_string_to_metric_families(service.get("/metrics").text)
    }
    assert {name for name, total in exported.items() if total == 0} <= TROUBLES
    ours = {name for name in exported if name.startswith(("truegrain_", "flask_"))}
    used = set().union(*(query.metrics for query in QUERIES))
    assert {name for name in ours if not used & {name, f"{name}_total"}} == {n for n in FREE if n in ours}


def audited(home: Path) -> bool:
    """Label predictions drawn at random as a person does in Airflow; False while there are none."""
    engine, now = open_database(f"sqlite:///{home / 'predictions.db'}"), datetime.now(UTC)
    audits.prepare(engine)
    drawn = audits.draw(engine, most=30, since=now - timedelta(days=1), until=now)
    audits.keep(engine, drawn, {one.id: one.label for one in drawn}, now=now)
    engine.dispose()
    return bool(drawn)


def brightened(image: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("RGB").point(lambda level: min(255, level + 90)).save(buffer, "JPEG")
    return buffer.getvalue()


def shadowed(service: Any) -> bool:
    health = service.get("/health").json()
    return bool(health["ready"] and health["shadow"])


def ask_everything(service: Any, draw: Draw, wait_until: Wait) -> None:
    """Send a service one request of every kind."""
    service.predict(draw(128))
    verdict = service.predict(with_settings(draw(25, kind="PNG"))).json()
    assert verdict["conflict"] is True
    service.predict(b"no image")
    service.predict(draw(230, size=(8, 8), kind="PNG"))
    files = [("files", draw(level)) for level in (20, 230)]
    requests.post(f"{service.url}/predict/batch", files=[*files, ("files", b"no image")], timeout=30)
    for route in ("explain", "compare"):
        requests.post(f"{service.url}/predict/{route}", files={"file": draw()}, timeout=30)
    report = {"prediction_id": verdict["id"], "label": "real"}
    wait_until(lambda: requests.post(f"{service.url}/feedback", json=report, timeout=30).ok, what="the report")
    service.get("/nowhere")


def with_settings(image: bytes) -> bytes:
    """Return the picture with the settings that a web UI of Stable Diffusion writes."""
    texts, file = PngInfo(), io.BytesIO()
    texts.add_text("parameters", "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: v1")
    Image.open(io.BytesIO(image)).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def await_data(watching: Prometheus, *, meanwhile: Callable[[], object]) -> None:
    """Wait until every panel and every recording rule has data."""
    empty = [query for query in QUERIES if ":" in query.where]
    deadline = time.monotonic() + 90
    while empty := [query for query in empty if not has_data(watching.query(query.expression))]:
        assert time.monotonic() < deadline, f"no data for {[query.where for query in empty]}"
        meanwhile()


def has_data(series: list[dict[str, Any]]) -> bool:
    return any(not math.isnan(float(each["value"][1])) for each in series)


def check(query: Query, watching: Prometheus) -> None:
    """Check that every selector of a query finds series, and that the series have every label that the query uses."""
    known: set[str] = set()
    for selector in query.selectors:
        series = watching.query(f"last_over_time({selector}[1m])")
        assert series, f"{query.where}: nothing exports {selector}"
        theirs = set().union(*(each["metric"] for each in series))
        assert labels(selector) <= theirs, f"{query.where}: {selector}"
        known |= theirs
    assert named_labels(query) <= known, query.where


def test_what_goes_wrong_reaches_somebody(
    serve: Serve, publish: Publish, home: Path, watcher: Callable[..., Any], told: Told, wait_until: Wait
) -> None:
    gone = f"sqlite:///{home}"  # a folder in place of a database
    sick = serve(predictions=gone, drift_seconds=0.5)
    with watcher(truegrain=sick.url):

        def hear(alert: str, how: str, *, meanwhile: Callable[[], object] = lambda: None) -> None:
            def heard() -> bool:
                meanwhile()
                return (alert, how) in told.alerts

            wait_until(heard, what=alert)

        ask = {"prediction_id": "0" * 32, "label": "real"}
        hear("NoDetector", "slack")
        hear("RegistryUnreachable", "webhook")
        publish("1")
        hear("ServiceFailing", "slack", meanwhile=lambda: requests.post(f"{sick.url}/feedback", json=ask, timeout=30))
        hear("DriftUnknown", "webhook")
        pointer_path(home).write_text("nonsense")
        hear("DetectorRefused", "slack")
        sick.stop()
        hear("ServiceDown", "slack")
