"""`make up` repeats calls of Airflow, whose server sometimes waits for its own lock of an SQLite file."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from truegrain_local import airflow_api
from truegrain_local.airflow_api import AirflowApi
from truegrain_local.errors import LaunchError

LOG = Path("logs/airflow-api-server.log")
DAG_RUNS = "/api/v2/dags/ingest_images/dagRuns"


@dataclass(frozen=True)
class Airflow:
    """A fake Airflow: it gives `answers` one after the other, and notes the `runs` that were requested."""

    port: int
    answers: list[int]
    runs: list[str]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> Airflow:
    monkeypatch.setattr(airflow_api, "PATIENCE", airflow_api.PATIENCE.new(backoff_factor=0))
    airflow = Airflow(httpserver.port, [], [])

    def start_run(request: Request) -> Response:
        airflow.runs.append(request.json["dag_run_id"])
        return Response("{}", status=airflow.answers.pop(0))

    httpserver.expect_request("/auth/token", method="POST").respond_with_json({"access_token": "t"}, status=201)
    httpserver.expect_request(DAG_RUNS, method="POST").respond_with_handler(start_run)
    return airflow


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
