from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.endpoints.health import EXAMPLE, SILENT_SECONDS, Health, find_troubles
from service.records.log_status import LogStatus
from service.store.follower_status import FollowerStatus, Outcome, write_status

NOW = datetime(2026, 11, 17, tzinfo=UTC)


def status(production: Outcome, shadow: Outcome = "absent", *, seconds_ago: float = 3) -> FollowerStatus:
    return FollowerStatus(asked_at=NOW - timedelta(seconds=seconds_ago), production=production, shadow=shadow)


def test_the_process_is_alive_without_a_detector(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}


def test_the_service_is_ready_once_it_has_a_detector(publish: Callable[..., object], client: FlaskClient) -> None:
    publish("3")
    assert client.get("/readyz").status_code == 503
    client.application.extensions["truegrain"].store.refresh()
    assert client.get("/readyz").json == {"status": "ready", "version": "3"}


def test_health_tells_the_versions_and_how_the_follower_fares(
    publish: Callable[..., object], home: Path, client: FlaskClient
) -> None:
    publish("3")
    publish("4", bias=1.0, alias="shadow")
    write_status(home, {"production": "current", "shadow": "current"})
    for store in (client.application.extensions["truegrain"].store, client.application.extensions["truegrain"].shadow):
        store.refresh()
    found = Health.model_validate_json(client.get("/health").data)
    assert (found.ready, found.version, found.shadow, found.troubles) == (True, "3", "4", [])
    assert found.age_seconds is not None and 0 <= found.age_seconds < 60
    assert found.follower is not None
    assert found.follower.production == "current"
    assert found.drift.status == "unknown"


def test_health_answers_also_when_nothing_is_well(client: FlaskClient) -> None:
    answer = client.get("/health")
    found = Health.model_validate_json(answer.data)
    assert (answer.status_code, found.ready, found.version, found.follower) == (200, False, None, None)
    assert len(found.troubles) == 2


def test_health_names_what_troubles_the_prediction_log(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    away = LogStatus(state="gone", waiting=1200, lag_seconds=61.2, dropped=7)
    monkeypatch.setattr(client.application.extensions["truegrain"].predictions, "status", lambda: away)
    found = Health.model_validate_json(client.get("/health").data)
    assert found.log == away
    waits, lost = found.troubles[-2:]
    assert "the prediction log is gone" in waits and "1,200 predictions wait, since 61 s" in waits
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


def test_the_example_in_the_documentation_is_an_answer() -> None:
    assert Health.model_validate(EXAMPLE).model_dump(mode="json") == EXAMPLE
