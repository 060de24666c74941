"""How `make up` asks Airflow, whose server stumbles over its own lock of an SQLite file now and then."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.listening import Quiet, listening
from truegrain_local import airflow_api
from truegrain_local.airflow_api import AirflowApi
from truegrain_local.errors import LaunchError

LOG = Path("logs/airflow-api-server.log")


@dataclass(frozen=True)
class Airflow:
    """Who starts runs: `answers` are given one after the other, `runs` those that were asked for."""

    port: int
    answers: list[int]
    runs: list[str]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    monkeypatch.setattr(airflow_api, "PATIENCE", airflow_api.PATIENCE.new(backoff_factor=0))
    answers: list[int] = []
    runs: list[str] = []

    class Call(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = 201
            if "dag_run_id" in said:
                runs.append(said["dag_run_id"])
                status = answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"access_token": "t"}')

    with listening(Call) as address:
        yield Airflow(urlsplit(address).port or 0, answers, runs)


def sign_in(airflow: Airflow) -> AirflowApi:
    return AirflowApi(airflow.port, "secret", LOG)


def test_a_run_that_could_not_be_written_down_is_asked_for_again_and_no_second_one(airflow: Airflow) -> None:
    airflow.answers.extend([500, 500, 201])
    run = sign_in(airflow).trigger("ingest_images", {})
    assert airflow.runs == [run] * 3


def test_a_run_that_started_although_the_answer_was_lost_is_followed(airflow: Airflow) -> None:
    airflow.answers.extend([500, 409])
    run = sign_in(airflow).trigger("ingest_images", {})
    assert airflow.runs == [run] * 2


def test_two_runs_have_two_names(airflow: Airflow) -> None:
    airflow.answers.extend([201, 201])
    api = sign_in(airflow)
    assert api.trigger("ingest_images", {}) != api.trigger("ingest_images", {})


@pytest.mark.parametrize(("answers", "said"), [([500] * 5, "500"), ([404], "404"), ([403], "403")])
def test_an_airflow_that_does_not_start_a_run_is_named_with_its_log(
    airflow: Airflow, answers: list[int], said: str
) -> None:
    airflow.answers.extend(answers)
    with pytest.raises(LaunchError, match=f"Airflow does not answer as it should: {said}") as failure:
        sign_in(airflow).trigger("ingest_images", {})
    assert failure.value.log == LOG
    assert airflow.answers == []
