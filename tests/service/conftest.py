"""Fixtures of the service's tests: images, versions in production on disk, and the service under gunicorn."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
import structlog
from apiflask import APIFlask
from flask import Response, request
from flask.testing import FlaskClient
from PIL import Image

from model.settings import Settings
from service.answers.problems import MEDIA_TYPE
from service.app import create_app
from service.keys import write
from service.openapi import path_of
from service.protection.api_keys import Key, KeyFile
from service.records import prediction_log
from service.status.pointer import Alias, Pointer
from support.metrics import read_metric, read_series
from truegrain_rig.hostile_files import encode
from truegrain_rig.process import await_answer, free_ports, running
from truegrain_rig.served import point_at

Publish = Callable[..., Pointer]

INTERNAL_ERROR = 500
_DOCUMENT: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _own_logging() -> None:
    """Undo Airflow's configuration of structlog: other tests of the same run import Airflow in this process."""
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _predictions_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write each prediction at once, without waiting for further ones."""
    monkeypatch.setattr(prediction_log, "LINGER_SECONDS", 0.01)


@pytest.fixture
def draw() -> Callable[..., bytes]:
    """`draw(230)` returns a file of noise around that brightness; above 128 the tiny detector calls it AI."""

    def draw_noise(brightness: int = 230, *, size: tuple[int, int] = (48, 40), kind: str = "JPEG") -> bytes:
        noise = np.random.default_rng(brightness).integers(-10, 11, (size[1], size[0], 3))
        return encode(Image.fromarray((brightness + noise).clip(0, 255).astype(np.uint8)), kind)

    return draw_noise


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def publish(home: Path, tiny_artifact: Callable[..., Path]) -> Publish:
    """`publish("2", bias=1.0)` does what the follower does after a promotion, without a registry.

    With `alias="shadow"` the version becomes the shadow. Further arguments are those of `write_tiny`.
    """

    def put_behind_alias(version: str, *, bias: float = 0.0, alias: Alias = "production", **about: object) -> Pointer:
        return point_at(home, tiny_artifact(bias, **about), version=version, alias=alias)

    return put_behind_alias


@pytest.fixture
def app(home: Path) -> Iterator[APIFlask]:
    """The application, with what was published before in service; it accepts files of up to 200 kB."""
    app = create_app(Settings(home=home, max_upload_bytes=200_000))
    with _checking_problems(app):
        yield app
    app.extensions["truegrain"].stop()


@contextmanager
def _checking_problems(app: APIFlask) -> Iterator[None]:
    """Check that the OpenAPI document lists every problem that a test provokes among the operation's answers."""
    unknown: list[str] = []

    @app.after_request
    def check(response: Response) -> Response:
        if response.mimetype == MEDIA_TYPE and request.url_rule and response.status_code != INTERNAL_ERROR:
            path = path_of(request.url_rule.rule)
            if operation := _document(app)["paths"].get(path, {}).get(request.method.lower()):
                problem = response.get_json()
                answer = operation["responses"].get(str(problem["status"]), {"description": ""})
                if problem["title"] not in answer["description"].split("; "):
                    unknown.append(f"{request.method} {path}: {problem}")
        return response

    yield
    assert unknown == [], "problems that the OpenAPI document does not know"


def _document(app: APIFlask) -> dict[str, Any]:
    """The OpenAPI document, which is the same for every application."""
    if not _DOCUMENT:
        _DOCUMENT.update(app.spec)
    return _DOCUMENT


@pytest.fixture
def start_client(home: Path) -> Iterator[Callable[..., FlaskClient]]:
    """`start_client(proxies=1)` returns a client of an application with these settings."""
    apps: list[APIFlask] = []

    def create(**settings: object) -> FlaskClient:
        apps.append(create_app(Settings(home=home, **settings)))  # type: ignore[arg-type]
        checks.enter_context(_checking_problems(apps[-1]))
        return apps[-1].test_client()

    with ExitStack() as checks:
        yield create
    for app in apps:
        app.extensions["truegrain"].stop()


@pytest.fixture
def give_keys(home: Path) -> Callable[..., None]:
    """`give_keys(Key(...))` writes the file of keys."""

    def write_keys(*keys: Key) -> None:
        write(KeyFile(keys=keys), Settings(home=home).api_keys_path)

    return write_keys


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def pauses(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause, all 0, in which a request of the client let others go first."""
    seconds: list[float] = []
    queue = client.application.extensions["truegrain"].queue
    monkeypatch.setattr(queue, "pause", lambda: seconds.append(0.0) or 0.0)
    return seconds


@pytest.fixture
def metric(client: FlaskClient) -> Callable[..., float]:
    """`metric("truegrain_predictions_total", decision="ai")` reads one value from a scrape of the application."""
    return lambda name, **labels: read_metric(client.get("/metrics").text, name, **labels)


@dataclass(frozen=True)
class Service:
    """The service as in production: gunicorn, its workers and sidecars, in a session of their own."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=30)

    def predict(self, image: bytes, **kwargs: object) -> requests.Response:
        return requests.post(f"{self.url}/predict", files={"file": image}, timeout=30, **kwargs)  # type: ignore[arg-type]

    def await_version(self, version: str) -> None:
        """Wait until both workers serve, and every worker serves `version`."""
        await_true(lambda: self._serves_only(version), what=f"version {version} to be served by both workers")

    def _serves_only(self, version: str) -> bool:
        scrape = self.get("/metrics").text
        served = read_series(scrape, "truegrain_model_info", alias="production")
        both = read_metric(scrape, "truegrain_model_loads_total") >= 2
        return both and [version] == [series.labels["version"] for series in served if series.value]

    def metric(self, name: str, **labels: str) -> float:
        return read_metric(self.get("/metrics").text, name, **labels)

    def processes(self) -> list[psutil.Process]:
        """The living processes of the service, also orphaned ones."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False

    def beside(self, name: str) -> list[psutil.Process]:
        """The processes of a sidecar: 'follower' or 'monitor'."""
        return [process for process in self.processes() if f"service.sidecars.{name}" in _command(process)]

    def workers(self) -> list[psutil.Process]:
        others = [*self.beside("follower"), *self.beside("monitor")]
        return [p for p in self.processes() if _parent(p) == self.process.pid and p not in others]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:  # the process ended meanwhile
        return None


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # the process ended meanwhile
        return []


def await_true(condition: Callable[[], bool], *, what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """`wait_until(condition, what="...")` fails, and names `what`, when the condition does not become true in time."""
    return await_true


@pytest.fixture
def serve(home: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """`serve()` starts the service on a free port with two workers; TRUEGRAIN_* settings can be passed by name."""
    started: list[Service] = []

    def start(**settings: object) -> Service:
        [port] = free_ports(1)
        variables = {"home": home, "service_port": port, "poll_seconds": 0.2, "tracking_uri": "http://127.0.0.1:1"}
        variables |= settings
        environment = {f"TRUEGRAIN_{name.upper()}": str(value) for name, value in variables.items()}
        command = [sys.executable, "-m", "gunicorn", "-c", "service/gunicorn.conf.py"]
        log = tmp_path / f"service-{port}.log"
        process = programs.enter_context(running(command, log=log, environment=environment))
        service = Service(f"http://127.0.0.1:{port}", process, log)
        started.append(service)
        await_answer(f"{service.url}/healthz", process, log, seconds=90)
        return service

    with ExitStack() as programs:
        yield start
        # Checked before remaining processes are killed: the service itself must leave none.
        for service in started:
            if service.process.poll() is None:
                service.stop()
            await_true(lambda service=service: service.processes() == [], what="the last process to end", seconds=10)
