"""The whole loop with real parts: start, verdicts, promotion, rollback, hostile input, stop.

Each test of this file builds on the test before it, so they run in order.
"""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import requests

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.registry import Registry, connect
from support.manual import blocks, run_block
from support.running_stack import Stack, load, processes_of, until
from support.small_images import labelled
from truegrain_local.programs import API_LOCK_SECONDS
from truegrain_local.start import require_alive

ANSWERED = ("start/first-ten-minutes.md", "integrate/api.md")
"""Pages of the manual that call the service."""

MANUAL_API = (Path(__file__).parents[2] / "infra" / "docs" / "integrate" / "api.md").read_text()

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def registry(stack: Stack) -> Registry:
    return connect(stack.settings)


def production(registry: Registry) -> str:
    version = registry.resolve("production")
    assert version is not None
    return version.version


def test_up_ends_with_a_verdict_of_the_promoted_version(stack: Stack, registry: Registry) -> None:
    assert production(registry) == "1"
    assert stack.served() == "1"
    verdict = json.loads(stack.output[stack.output.index("\n{") : stack.output.rindex("\n}") + 2])
    assert verdict["model"]["version"] == "1"
    assert verdict["probability"] > 0.5
    source = Path(stack.settings.source).name
    assert f"of source '{source}', which is labelled 'ai'" in stack.output
    assert f": 600 images of '{source}'\n" in stack.output


def test_nothing_of_it_can_be_read_by_another_user(stack: Stack) -> None:
    home = stack.settings.home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    until((home / "predictions.db").exists)  # the first verdict is logged after its answer
    written = [path for path in home.rglob("*") if not path.is_symlink()]
    assert {"predictions.db", "airflow.db", "mlflow.db", "service.log"} <= {path.name for path in written}
    assert [path for path in written if path.exists() and path.stat().st_mode & 0o077] == []


def test_both_dags_are_green(stack: Stack) -> None:
    api = stack.airflow()
    for dag, skipped in (("ingest_images", None), ("retrain_detector", "approve")):
        (run,) = api.runs(dag)
        states = {task.name: task.state for task in api.tasks(dag, run)}
        assert states == {name: "skipped" if name == skipped else "success" for name in states}


def test_the_log_of_a_validation_tells_what_it_found_and_nothing_of_what_great_expectations_does_meanwhile(
    stack: Stack,
) -> None:
    (log,) = (stack.settings.home / "logs" / "tasks").rglob("task_id=validate/*.log")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("may be trained on: 600 images accepted" in line["event"] for line in lines)
    heard = {line.get("logger", "") for line in lines if line["level"] in {"debug", "info"}}
    assert [name for name in heard if name.startswith("great_expectations")] == []


def test_the_broken_image_is_in_quarantine_with_its_reason_and_the_rest_went_on(stack: Stack) -> None:
    lake = Lake(stack.settings.lake_url)
    (version,) = lake.versions()
    refused = pd.read_parquet(str(lake.quarantine_path(version) / "rows.parquet"))
    assert [Path(origin).name for origin in refused["origin"]] == ["broken.jpg"]
    assert list(refused["reason"]) == ["cannot be decoded"]
    assert refused["decode_error"].str.startswith("not_an_image").all()
    assert len(read_manifest(lake, version)) == 600


def test_mlflow_shows_the_version_with_its_metrics_and_report(stack: Stack, registry: Registry) -> None:
    version = registry.resolve("production")
    assert version is not None
    assert version.tags["gate"] == "passed"
    assert version.tags["dataset_version"] == Lake(stack.settings.lake_url).latest()
    report = registry.read_file(version.run_id, "report.json")
    assert report is not None
    assert registry.read_file(version.run_id, "report.html") is not None
    run = requests.get(
        f"{stack.settings.tracking_uri}/api/2.0/mlflow/runs/get", params={"run_id": version.run_id}, timeout=30
    ).json()["run"]
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert metrics["test_accuracy"] >= 0.9
    assert "val_loss" in metrics


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"no image at all", 415), (b"", 400), (labelled(0, "ai").data[:-60], 422), (bytes(20_000_000), 413)],
)
def test_bad_uploads_get_a_clear_answer(stack: Stack, data: bytes, status: int) -> None:
    answer = requests.post(f"{stack.service}/predict", files={"file": data}, timeout=30)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with the files that the manual sends."""
    (tmp_path / "photo.jpg").write_bytes(labelled(0, "ai", format_="JPEG").data)
    (tmp_path / "other.png").write_bytes(labelled(1, "real", format_="PNG").data)
    return tmp_path


@pytest.mark.parametrize("block", [block for page in ANSWERED for block in blocks(page) if "curl" in block])
def test_every_call_that_the_manual_shows_is_answered_as_the_manual_says(
    stack: Stack, photos: Path, block: str
) -> None:
    called = run_block(block, stack.settings, folder=photos)
    assert called.returncode == 0, called.stderr
    answers = [json.loads(answer) for answer in re.split(r"(?<=\})\s*(?=\{)", called.stdout)]
    assert len(answers) == block.count("curl ")
    if "/dev/null" in block:
        assert [answer["reason"] for answer in answers] == ["empty"]
    else:
        assert all("decision" in answer or "items" in answer for answer in answers)


def test_the_program_that_the_manual_shows_prints_a_decision(stack: Stack, photos: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", MANUAL_API, flags=re.DOTALL)
    text = program.replace("http://localhost:8000", stack.service)
    done = subprocess.run([sys.executable, "-c", text], cwd=photos, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] in {"ai", "real", "unsure"}


def test_a_second_version_is_approved_and_promoted_under_load_without_a_failed_request(
    stack: Stack, registry: Registry
) -> None:
    run = stack.airflow().trigger("retrain_detector", {"overrides": {"seed": 1, "epochs": 4}, "approval": True})
    stack.await_question("retrain_detector", run)
    with load(stack, labelled(0, "ai").data) as seen:
        stack.approve("retrain_detector", run)
        assert stack.finish("retrain_detector", run) == "success"
        until(lambda: len(seen.answers) > 0 and seen.answers[-1][1] == "2")
    assert production(registry) == "2"
    assert {status for status, _ in seen.answers} == {200}
    assert {version for _, version in seen.answers} == {"1", "2"}


def test_a_detector_that_has_learned_nothing_leaves_a_green_run_and_production_as_it_was(
    stack: Stack, registry: Registry
) -> None:
    api, nothing = stack.airflow(), {"epochs": 1, "learning_rate": 1e-9}
    run = api.trigger("retrain_detector", {"overrides": nothing})
    assert stack.finish("retrain_detector", run) == "success"
    assert {task.name: task.state for task in api.tasks("retrain_detector", run)}["promote"] == "skipped"
    assert production(registry) == "2"
    refused = registry.resolve("3")
    assert refused is not None
    assert refused.tags["gate"] == "failed"
    assert "accuracy" in refused.tags["gate_reason"]


def test_a_lock_on_airflows_database_delays_a_run_and_ends_no_program(stack: Stack) -> None:
    api = stack.airflow()
    with stack.airflow_locked(seconds=API_LOCK_SECONDS + 1):
        run = api.trigger("monitor_detector", {})
    until(lambda: api.state("monitor_detector", run) in {"running", "success"})
    require_alive(stack.settings)


def test_rollback_puts_the_version_before_back_with_its_reason(stack: Stack, registry: Registry) -> None:
    assert stack.run("rollback_detector", {"reason": "a test says so"}) == "success"
    assert production(registry) == "1"
    until(lambda: stack.served() == "1")
    previous = registry.resolve("previous")
    assert previous is not None
    assert previous.version == "2"


@pytest.mark.parametrize("spoil", ["empty", "one class", "unknown class"])
def test_a_bad_source_fails_validation_or_is_refused_and_touches_nothing(
    stack: Stack, registry: Registry, tmp_path: Path, spoil: str
) -> None:
    write: dict[str, Callable[[], object]] = {
        "empty": lambda: (tmp_path / "ai").mkdir(),
        "one class": lambda: [
            (tmp_path / "ai").mkdir(),
            *((tmp_path / "ai" / f"{n}.png").write_bytes(labelled(n, "ai").data) for n in range(5_000, 5_400)),
        ],
        "unknown class": lambda: (tmp_path / "cats").mkdir(),
    }
    write[spoil]()
    lake = Lake(stack.settings.lake_url)
    before, retrained = lake.versions(), stack.airflow().runs("retrain_detector")
    state = stack.run("ingest_images", {"source": str(tmp_path)})
    assert state == "failed"
    assert lake.versions() == before
    assert stack.airflow().runs("retrain_detector") == retrained
    assert production(registry) == "1"


def test_up_again_goes_on_with_the_source_that_everything_was_started_with(stack: Stack, tmp_path: Path) -> None:
    [up, _, _] = blocks("start/first-ten-minutes.md")
    again = run_block(up, stack.settings, folder=tmp_path, seconds=600)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"of source '{Path(stack.settings.source).name}'" in again.stdout


def test_down_leaves_no_process(stack: Stack, tmp_path: Path) -> None:
    assert processes_of(stack.settings.home)
    [_, _, down] = blocks("start/first-ten-minutes.md")
    assert run_block(down, stack.settings, folder=tmp_path, seconds=120).returncode == 0
    assert processes_of(stack.settings.home) == []
