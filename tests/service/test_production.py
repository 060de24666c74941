"""The service with a real registry: promoted versions are served, whatever happens meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from model.registry import ModelVersion, Registry
from model.registry.promotion import promote, rollback
from support.hostile_detectors import make_endless
from truegrain_rig.busy_clients import asking

Serve = Callable[..., Any]
Draw = Callable[..., bytes]
Add = Callable[[float], ModelVersion]


@pytest.fixture
def models(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Registry:
    return Registry(mlflow_server, model_name=request.node.name, lock=tmp_path / "lock", experiment="service")


@pytest.fixture
def add(models: Registry, tiny_artifact: Callable[..., Path]) -> Add:
    """Log and register a tiny artifact of some bias."""

    def add_version(bias: float) -> ModelVersion:
        with models.run("train", params={}) as run:
            run.log_artifact(tiny_artifact(bias))
        return models.register(run.id, tags={"gate": "passed"})

    return add_version


@pytest.fixture
def start(serve: Serve, mlflow_server: str, request: pytest.FixtureRequest) -> Serve:
    return lambda **settings: serve(**{"tracking_uri": mlflow_server, "model_name": request.node.name} | settings)


@pytest.fixture
def load(draw: Draw) -> Callable[[Any], Any]:
    """`with load(service) as answers` keeps four clients busy and collects their answers."""
    image = draw(140)

    @contextmanager
    def keep_busy(service: Any) -> Iterator[list[Any]]:
        answers: list[Any] = []
        with asking(lambda: answers.append(service.predict(image)), clients=4):
            yield answers

    return keep_busy


def test_promotions_and_a_rollback_under_load_fail_no_request(
    start: Serve, models: Registry, add: Add, load: Callable[[Any], Any], wait_until: Callable[..., None]
) -> None:
    first, second = add(0.0), add(2.0)
    service = start(queue=8, queue_seconds=30)
    assert service.get("/readyz").status_code == 503, "nothing is promoted yet"
    promote(models, first.version, reason="the first")
    wait_until(lambda: service.get("/readyz").ok, what="a worker to be ready")
    with load(service) as answers:
        service.await_version(first.version)
        promote(models, second.version, reason="better")
        service.await_version(second.version)
        rollback(models, reason="worse after all")
        service.await_version(first.version)
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    told = {(a["model"]["version"], a["model"]["sha256"], a["probability"]) for a in (a.json() for a in answers)}
    assert {version for version, _, _ in told} == {first.version, second.version}
    assert len(told) == 2, "an answer mixed the two versions"


def test_the_version_with_the_alias_shadow_is_compared_with_production(
    start: Serve, models: Registry, add: Add, draw: Draw, wait_until: Callable[..., None]
) -> None:
    first, second = add(0.0), add(2.0)
    promote(models, first.version, reason="the first")
    models.set_alias("shadow", second.version)
    service = start(shadow_share=1.0)
    service.await_version(first.version)
    wait_until(lambda: service.get("/health").json()["shadow"] == second.version, what="the shadow")
    wait_until(lambda: service.get("/health").json()["troubles"] == [], what="all to be well")
    lineage = service.get("/model").json()["lineage"]
    assert (lineage["gate"], lineage["promotion_reason"]) == ("passed", "the first")
    wait_until(lambda: service.metric("truegrain_model_loads_total") == 4, what="both workers to have both")
    compared = _compare(service, draw(128)).json()
    assert [compared[which]["model"]["version"] for which in ("production", "shadow")] == [
        first.version,
        second.version,
    ]
    service.predict(draw(128))
    wait_until(lambda: "truegrain_shadow_verdicts_total{" in service.get("/metrics").text, what="the shadow's verdict")


def _compare(service: Any, image: bytes) -> requests.Response:
    return requests.post(f"{service.url}/predict/compare", files={"file": image}, timeout=30)


def test_a_corrupted_version_is_refused_counted_and_logged_while_the_old_one_serves(
    start: Serve, models: Registry, add: Add, draw: Draw, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    good = add(0.0)
    promote(models, good.version, reason="the first")
    service = start()
    service.await_version(good.version)
    corrupted = add(2.0)
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "model.onnx").write_bytes(b"not what was registered")
    with models.run("tamper", params={}, run_id=corrupted.run_id) as run:
        run.log_folder(tmp_path / "evil", "detector")
    promote(models, corrupted.version, reason="nobody noticed")
    wait_until(lambda: "version refused" in service.log.read_text(), what="the refusal in the log")
    assert service.predict(draw()).json()["model"]["version"] == good.version
    assert service.metric("truegrain_model_load_failures_total") >= 1
    assert service.metric("truegrain_follower_polls_total", outcome="refused") >= 1
    rollback(models, reason="it is corrupted")
    assert service.predict(draw()).json()["model"]["version"] == good.version


def test_a_detector_that_never_ends_is_refused_and_what_is_promoted_next_arrives(
    start: Serve,
    models: Registry,
    add: Add,
    tiny_artifact: Callable[..., Path],
    draw: Draw,
    wait_until: Callable[..., None],
) -> None:
    good = add(0.0)
    promote(models, good.version, reason="the first")
    service = start(check_seconds=5)
    service.await_version(good.version)
    with models.run("by somebody else", params={}) as run:
        run.log_folder(make_endless(tiny_artifact(9.0)), "detector")
    endless = models.register(run.id, tags={})
    models.set_alias("production", endless.version)
    wait_until(lambda: "within 5 s, which TRUEGRAIN_CHECK_SECONDS sets" in service.log.read_text(), what="the refusal")
    troubles = "the version behind 'production' was refused: the follower's log says why"
    wait_until(lambda: troubles in service.get("/health").json()["troubles"], what="the trouble")
    assert service.predict(draw()).json()["model"]["version"] == good.version
    better = add(2.0)
    models.set_alias("production", better.version)
    service.await_version(better.version)


def test_the_last_good_copy_serves_when_the_registry_is_down(
    start: Serve, models: Registry, add: Add, draw: Draw, wait_until: Callable[..., None]
) -> None:
    version = add(0.0)
    promote(models, version.version, reason="the first")
    before = start()
    before.await_version(version.version)
    before.stop()
    restarted = start(tracking_uri="http://127.0.0.1:1")
    answer = restarted.predict(draw())
    assert (answer.status_code, answer.json()["model"]["version"]) == (200, version.version)
    wait_until(
        lambda: restarted.metric("truegrain_follower_polls_total", outcome="unavailable") >= 1,
        what="a poll that nobody answers",
    )
