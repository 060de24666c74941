import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from onnxruntime import get_available_providers

from model.monitoring.terms import Cause
from service.endpoints.health import NO_DOMAIN, SILENT_SECONDS, Health, find_drift, find_drift_troubles, find_troubles
from service.status import drift
from service.status.drift import SILENT, DriftStatus, describe
from service.status.follower import FollowerStatus, Outcome, write_status
from service.status.prediction_log import LogStatus
from support.monitoring import found

NOW = datetime(2026, 11, 17, tzinfo=UTC)


def status(production: Outcome, shadow: Outcome = "absent", *, seconds_ago: float = 3) -> FollowerStatus:
    return FollowerStatus(asked_at=NOW - timedelta(seconds=seconds_ago), production=production, shadow=shadow)


def test_the_process_is_alive_without_a_detector(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}


def test_the_service_is_ready_once_it_has_a_detector(publish: Callable[..., object], client: FlaskClient) -> None:
    assert client.get("/readyz").status_code == 503
    publish("3")
    assert client.get("/readyz").json == {"status": "ready", "version": "3"}


def test_health_tells_the_versions_and_how_the_follower_fares(
    publish: Callable[..., object], home: Path, client: FlaskClient
) -> None:
    publish("3")
    publish("4", bias=1.0, alias="shadow")
    write_status(home, {"production": "current", "shadow": "current"})
    drift.write_status(home, found("ok"), seconds=60)
    for store in (client.application.extensions["truegrain"].store, client.application.extensions["truegrain"].shadow):
        store.refresh()
    told = Health.model_validate_json(client.get("/health").data)
    assert (told.ready, told.version, told.shadow, told.troubles) == (True, "3", "4", [])
    assert told.age_seconds is not None and 0 <= told.age_seconds < 60
    assert told.follower is not None
    assert told.follower.production == "current"
    assert told.drift == describe(found("ok"))


def test_health_tells_what_has_drifted_but_not_whose_predictions_are_suspect(home: Path, client: FlaskClient) -> None:
    drift.write_status(home, found(), seconds=60)
    answer = client.get("/health")
    told = Health.model_validate_json(answer.data)
    assert (told.drift.status, told.drift.attribution, told.drift.predictions) == ("drifting", "new_generator", 1000)
    assert [signal.name for signal in told.drift.signals if signal.over] == ["dense_group"]
    assert (told.drift.accuracy, told.drift.not_estimable) == (None, "the traffic has drifted (new_generator)")
    assert found().suspects[0] not in answer.text
    assert told.troubles[-1] == f"traffic has drifted, by 'new_generator': {found().reason}"


def test_health_tells_the_estimate_where_there_is_one(home: Path, client: FlaskClient) -> None:
    drift.write_status(home, found("ok"), seconds=60)
    told = Health.model_validate_json(client.get("/health").data).drift
    assert told.accuracy is not None and told.accuracy.low == 0.74
    assert (told.not_estimable, told.audit) == (None, None)


def test_a_status_of_an_earlier_release_is_read(home: Path) -> None:
    drift.write_status(home, found("ok"), seconds=60)
    path = home / "run" / "drift.json"
    stored = json.loads(path.read_text())
    del stored["drift"]["not_estimable"], stored["drift"]["audit"]
    path.write_text(json.dumps(stored))
    status = drift.read_status(home)
    assert status is not None and status.drift.not_estimable is None


def test_health_answers_also_when_nothing_is_well(client: FlaskClient) -> None:
    answer = client.get("/health")
    told = Health.model_validate_json(answer.data)
    assert (answer.status_code, told.ready, told.version, told.follower) == (200, False, None, None)
    assert told.drift == SILENT
    assert len(told.troubles) == 3


def test_health_names_what_troubles_the_prediction_log(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    away = LogStatus(state="gone", waiting=1200, lag_seconds=61.2, dropped=7)
    with monkeypatch.context() as troubled:
        troubled.setattr(client.application.extensions["truegrain"].predictions, "status", lambda: away)
        told = Health.model_validate_json(client.get("/health").data)
    assert told.log == away
    waits, lost = told.troubles[-2:]
    assert "the prediction log is gone" in waits and "1,200 predictions wait, the oldest for 61 s" in waits
    assert "lost 7 predictions" in lost


@pytest.mark.parametrize(
    ("follower", "words"),
    [
        (status("current"), []),
        (status("switched", "current"), []),
        (status("absent"), []),
        (status("unavailable", "unavailable"), ["registry does not answer"]),
        (status("refused"), ["'production' was refused"]),
        (status("current", "refused"), ["'shadow' was refused"]),
        (status("current", seconds_ago=SILENT_SECONDS + 1), ["follower is silent"]),
        (None, ["follower is silent"]),
    ],
)
def test_troubles_are_named(follower: FollowerStatus | None, words: list[str]) -> None:
    found = find_troubles(follower, ready=True, now=NOW)
    assert len(found) == len(words)
    assert all(word in trouble for word, trouble in zip(words, found, strict=True))


@pytest.mark.parametrize(("late", "told"), [(0.0, "ok"), (SILENT_SECONDS - 1, "ok"), (SILENT_SECONDS + 1, "unknown")])
def test_a_monitor_that_is_late_is_silent(late: float, told: str) -> None:
    status = DriftStatus(due_at=NOW - timedelta(seconds=late), drift=describe(found("ok")))
    assert find_drift(status, now=NOW).status == told


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("too_few", []),
        ("no_model", []),
        ("no_reference", ["drift is not measured: no file"]),
        ("other_reference", ["drift is not measured: no file"]),
        ("log_unavailable", ["drift is not measured: no file"]),
        ("clock", ["drift is not measured: no file"]),
    ],
)
def test_why_drift_is_unknown_is_a_trouble_unless_time_mends_it(cause: Cause, words: list[str]) -> None:
    assert find_drift_troubles(describe(found("unknown", cause=cause, reason="no file"))) == words


def test_a_status_that_cannot_be_read_is_a_silent_monitor(home: Path, client: FlaskClient) -> None:
    (home / "run").mkdir(parents=True)
    (home / "run" / "drift.json").write_text("{")
    assert client.get("/health").json["drift"]["cause"] == "silent"


def test_health_says_that_a_detector_of_an_earlier_release_knows_no_domain(
    publish: Callable[..., object], client: FlaskClient
) -> None:
    publish("3", domain=None)
    client.application.extensions["truegrain"].store.refresh()
    assert NO_DOMAIN in Health.model_validate_json(client.get("/health").data).troubles


@pytest.mark.skipif("CUDAExecutionProvider" in get_available_providers(), reason="this machine has a GPU")
def test_a_gpu_that_cannot_be_used_is_a_trouble_and_the_cpu_gives_the_verdicts(
    start_client: Callable[..., FlaskClient], publish: Callable[..., object], draw: Callable[..., bytes]
) -> None:
    publish("1")
    client = start_client(device="cuda")
    assert client.post("/predict", data=draw(), content_type="image/jpeg").status_code == 200
    troubles = (client.get("/health").json or {})["troubles"]
    assert "the detector runs on 'cpu': onnxruntime cannot use 'cuda', which TRUEGRAIN_DEVICE asks for" in troubles
