import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from model import artifact, registry
from model.detector import Detector
from model.errors import ArtifactError, RegistryError, RegistryUnavailable
from model.registry import ModelVersion, Registry

Write = Callable[..., Path]


@pytest.fixture
def models(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Registry:
    """A registry in which this test's model is the only one."""
    return Registry(mlflow_server, model_name=request.node.name, lock=tmp_path / "lock", experiment="tests")


@pytest.fixture
def add(models: Registry, tiny_artifact: Write) -> Callable[[float], ModelVersion]:
    """Log a tiny artifact of some bias and register it."""

    def add_version(bias: float = 0.0) -> ModelVersion:
        with models.run("train", params={}) as run:
            models.log_artifact(run, tiny_artifact(bias))
        return models.register(run.id, tags={"gate": "passed"})

    return add_version


Add = Callable[..., ModelVersion]


def get_stages(models: Registry) -> dict[str, str | None]:
    found = models._client.search_model_versions(f"name = '{models._name}'")
    return {str(version.version): version.current_stage for version in found}


def test_a_dataset_is_an_input_of_its_run_once_however_often_it_is_logged(models: Registry) -> None:
    schema = pa.schema([pa.field("sha256", pa.string(), nullable=False), pa.field("width", pa.int32())])
    run_id: str | None = None
    for _ in range(2):
        with models.run("train", params={}, run_id=run_id) as run:
            run.log_dataset("2026-01", digest="0123", source="s3://lake/2026", schema=schema, profile={"images": 3})
        run_id = run.id
    (logged,) = models._client.get_run(run.id).inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest, logged.dataset.source_type) == ("2026-01", "0123", "s3")
    assert json.loads(logged.dataset.profile) == {"images": 3}
    assert json.loads(logged.dataset.schema)["mlflow_colspec"] == [
        {"type": "string", "name": "sha256", "required": True},
        {"type": "integer", "name": "width", "required": False},
    ]
    assert [(tag.key, tag.value) for tag in logged.tags] == [("mlflow.data.context", "training")]


def test_a_run_keeps_what_is_logged_to_it(models: Registry, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "page.html").write_text("<p>")
    with models.run("train", params={"epochs": 3}, tags={"recipe": "quick"}) as run:
        run.log_metrics({"loss": 0.5}, step=1)
        run.log_metrics({"loss": 0.25}, step=2)
        run.log_dict({"size": 32}, "config.json")
        run.log_folder(tmp_path / "report", "report")
    logged = models._client.get_run(run.id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params == {"epochs": "3"}
    assert logged.data.tags["recipe"] == "quick"
    assert [m.value for m in models._client.get_metric_history(run.id, "loss")] == [0.5, 0.25]
    assert models.read_file(run.id, "report/page.html") == b"<p>"
    assert b'"size": 32' in (models.read_file(run.id, "config.json") or b"")


def test_a_run_that_fails_is_marked_failed_and_can_be_resumed(models: Registry) -> None:
    with pytest.raises(ZeroDivisionError), models.run("train", params={"epochs": 3}) as run:
        raise ZeroDivisionError
    assert models._client.get_run(run.id).info.status == "FAILED"
    with models.run("train", params={"epochs": 3}, run_id=run.id) as resumed:
        assert models._client.get_run(run.id).info.status == "RUNNING"
    assert resumed.id == run.id
    assert models._client.get_run(run.id).info.status == "FINISHED"


def test_a_file_that_was_never_logged_is_none(models: Registry) -> None:
    with models.run("train", params={}) as run:
        pass
    assert models.read_file(run.id, "report.json") is None


def test_an_artifact_comes_back_from_the_registry_as_it_was_logged(models: Registry, add: Add, tmp_path: Path) -> None:
    version = add(1.0)
    by_version = models.download(version.version, tmp_path / "by version")
    by_run = models.download(version.run_id, tmp_path / "by run")
    for name in artifact.FILES:
        original = (tmp_path / "tiny+1" / name).read_bytes()
        assert (by_version / name).read_bytes() == (by_run / name).read_bytes() == original


def test_a_broken_artifact_is_not_logged(models: Registry, tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    (folder / artifact.MODEL).write_bytes(b"altered")
    with pytest.raises(ArtifactError, match="altered"), models.run("train", params={}) as run:
        models.log_artifact(run, folder)
    assert models.read_file(run.id, f"{registry.FULL}/{artifact.CARD}") is None


def test_mlflow_serves_a_logged_artifact_with_the_detectors_own_answers(
    models: Registry, add: Add, tmp_path: Path
) -> None:
    run_id = add(1.0).run_id
    from mlflow import pyfunc  # after the registry, which silences what this import warns about

    models._client.download_artifacts(run_id, registry.FULL, str(tmp_path))
    served = pyfunc.load_model(str(tmp_path / registry.FULL))
    pixels = np.random.default_rng(3).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    expected = Detector.load(tmp_path / registry.FULL).score(pixels)
    found = served.predict({"pixels": pixels})
    np.testing.assert_array_equal(found["probability"], expected.probability)
    np.testing.assert_array_equal(found["cam"], expected.cam)


def test_registering_a_run_twice_gives_one_version(models: Registry, add: Add) -> None:
    first = add()
    models.set_alias(registry.CANDIDATE, first.version)
    second = models.register(first.run_id, tags={"gate": "passed", "git_sha": "abc"})
    assert second.version == first.version == "1"
    assert second.aliases == (registry.CANDIDATE,)
    assert second.tags == {"gate": "passed", "git_sha": "abc"}
    assert models.find(first.run_id) == models.resolve("1") == second


def test_the_variants_of_a_run_are_versions_of_their_own(
    models: Registry, tiny_artifact: Write, tmp_path: Path
) -> None:
    with models.run("train", params={}) as run:
        models.log_artifact(run, tiny_artifact(1.0))
        models.log_artifact(run, tiny_artifact(2.0), variant=registry.INT8)
    full = models.register(run.id, tags={})
    small = models.register(run.id, tags={}, variant=registry.INT8)
    assert (full.version, full.variant, small.version, small.variant) == ("1", registry.FULL, "2", registry.INT8)
    assert models.register(run.id, tags={}, variant=registry.INT8) == small == models.find(run.id)
    fetched = [
        models.download(full.version, tmp_path / "full"),
        models.download(small.version, tmp_path / "small"),
        models.download(run.id, tmp_path / "of run", variant=registry.INT8),
    ]
    written = [tmp_path / "tiny+1", tmp_path / "tiny+2", tmp_path / "tiny+2"]
    assert [(f / artifact.MODEL).read_bytes() for f in fetched] == [(w / artifact.MODEL).read_bytes() for w in written]


def test_registering_a_run_from_two_threads_gives_one_version(models: Registry, add: Add) -> None:
    add()  # so that the model exists
    with models.run("train", params={}) as run:
        pass
    barrier = threading.Barrier(2)

    def register(_: int) -> str:
        barrier.wait()
        return models.register(run.id, tags={}).version

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(register, range(2))) == {"2"}


def test_what_nobody_registered_is_none(models: Registry, add: Add) -> None:
    assert models.resolve("production") is None
    assert models.find("0" * 32) is None
    add()
    assert models.resolve("production") is None
    assert models.resolve("7") is None
    assert models.find("0" * 32) is None


def test_a_promotion_moves_production_and_keeps_the_previous(models: Registry, add: Add) -> None:
    first, second = add(), add()
    models.promote(first.version, reason="the first")
    promoted = models.promote(second.version, reason="better")
    assert promoted == models.resolve("production")
    assert promoted.version == second.version
    assert promoted.tags["promotion_reason"] == "better"
    assert "promoted_at" in promoted.tags
    previous = models.resolve("previous")
    assert previous is not None
    assert previous.version == first.version
    assert get_stages(models) == {"1": "Archived", "2": "Production"}


def test_promoting_the_production_version_changes_nothing(models: Registry, add: Add) -> None:
    first, second = add(), add()
    models.promote(first.version, reason="the first")
    models.promote(second.version, reason="better")
    before = models.resolve("production"), models.resolve("previous")
    models.promote(second.version, reason="again")
    assert (models.resolve("production"), models.resolve("previous")) == before


@pytest.mark.parametrize("step", ["tag", "set_alias", "_mirror_stage"])
def test_a_promotion_that_was_cut_short_is_completed_by_the_next(
    models: Registry, add: Add, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first, second = add(), add()
    models.promote(first.version, reason="the first")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(models, step, die)
        models.promote(second.version, reason="better")
    promoted = models.promote(second.version, reason="better")
    assert (promoted.aliases, promoted.tags["promotion_reason"]) == (("production",), "better")
    previous = models.resolve("previous")
    assert previous is not None
    assert previous.version == first.version
    assert get_stages(models) == {"1": "Archived", "2": "Production"}


def test_promotions_at_the_same_time_leave_one_version_in_production(models: Registry, add: Add) -> None:
    versions = [add().version for _ in range(3)]
    barrier = threading.Barrier(3)

    def promote(version: str) -> None:
        barrier.wait()
        models.promote(version, reason="race")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(promote, versions))
    production = models.resolve("production")
    assert production is not None
    stages = get_stages(models)
    assert [version for version, stage in stages.items() if stage == "Production"] == [production.version]


def test_a_rollback_returns_to_the_previous_version(models: Registry, add: Add) -> None:
    first, second = add(), add()
    models.promote(first.version, reason="the first")
    models.promote(second.version, reason="better")
    restored = models.rollback(reason="it calls cats AI")
    assert restored == models.resolve("production")
    assert (restored.version, restored.tags["promotion_reason"]) == ("1", "rollback: it calls cats AI")
    replaced = models.resolve("previous")
    assert replaced is not None
    assert (replaced.version, replaced.tags["rollback_reason"]) == ("2", "it calls cats AI")
    assert get_stages(models) == {"1": "Production", "2": "Archived"}


def test_a_rollback_can_name_its_version(models: Registry, add: Add) -> None:
    for version in (add(), add(), add()):
        models.promote(version.version, reason="newer")
    assert models.rollback(reason="far back", to="1").version == "1"
    previous = models.resolve("previous")
    assert previous is not None
    assert previous.version == "3"


def test_a_rollback_without_a_previous_version_says_what_there_is(models: Registry, add: Add) -> None:
    models.promote(add().version, reason="the first")
    with pytest.raises(RegistryError, match="no 'previous': its versions are 1, its aliases production=1"):
        models.rollback(reason="worse")


def test_a_version_that_does_not_exist_cannot_be_promoted(models: Registry, add: Add) -> None:
    with pytest.raises(RegistryError, match="no '3': nothing is registered"):
        models.promote("3", reason="typo")
    add()
    with pytest.raises(RegistryError, match="no '3': its versions are 1, its aliases none"):
        models.promote("3", reason="typo")


def test_a_run_that_does_not_exist_cannot_be_registered(models: Registry) -> None:
    with pytest.raises(RegistryError, match="refused") as caught:
        models.register("0" * 32, tags={})
    assert not isinstance(caught.value, RegistryUnavailable)


def test_a_named_version_is_restored_even_when_nothing_is_in_production(models: Registry, add: Add) -> None:
    version = add().version
    assert models.rollback(reason="the alias was deleted by hand", to=version).aliases == ("production",)


@pytest.fixture(params=["nobody listens", "nobody answers"])
def dead_address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A port that refuses, or one that accepts and keeps silent."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "nobody answers":
            listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_registry_that_is_down_is_unavailable(dead_address: str, tmp_path: Path) -> None:
    models = Registry(dead_address, model_name="detector", lock=tmp_path / "lock")
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        models.resolve("production")
    with pytest.raises(RegistryUnavailable), models.run("train", params={}):
        pytest.fail("the run must not start")


class BrokenProxy(BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.send_error(503)

    do_GET = do_POST = answer  # noqa: N815 - http.server chose the names

    def log_message(self, *_: object) -> None:
        pass


def test_a_registry_behind_a_broken_proxy_is_unavailable(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BrokenProxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        models = Registry(f"http://127.0.0.1:{proxy.server_port}", model_name="detector", lock=tmp_path / "lock")
        with pytest.raises(RegistryUnavailable):
            models.resolve("production")
        proxy.shutdown()


def test_importing_the_registry_does_not_import_mlflow() -> None:
    script = "import sys, model.registry; print('mlflow' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "False"


def test_mlflow_starts_without_telemetry(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from model.errors import RegistryUnavailable
from model.registry import Registry
try:
    Registry("http://127.0.0.1:9", model_name="detector", lock=Path("{tmp_path}/lock")).resolve("production")
except RegistryUnavailable:
    from mlflow.telemetry import get_telemetry_client
    print(get_telemetry_client())
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120, env=environment
    )
    assert found.stdout.strip() == "None"
