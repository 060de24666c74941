"""The programs that `make up` starts."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import create_engine, text

from model import TELEMETRY_OFF
from model.settings import Settings
from truegrain_local.environment import ROOT
from truegrain_local.programs import components
from truegrain_rig.process import await_answer, free_ports, running


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("airflow-scheduler", 30, 120),
        ("airflow-dag-processor", 30, 120),
        ("airflow-triggerer", 30, 120),
        ("airflow-api-server", 5, 5),  # it may wait for itself
    ],
)
def test_airflow_outlives_a_lock_on_its_database(tmp_path: Path, name: str, least: int, most: int) -> None:
    (tmp_path / "airflow").mkdir()
    (part,) = (part for part in components(Settings(home=tmp_path)) if part.name == name)
    with create_engine(part.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).connect() as connection:
        milliseconds = connection.execute(text("PRAGMA busy_timeout")).scalar_one()
    assert least <= milliseconds / 1000 <= most


def test_every_program_is_told_to_report_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in TELEMETRY_OFF:
        monkeypatch.delenv(variable, raising=False)
    told = {
        part.name: TELEMETRY_OFF.items() <= part.environment.items() for part in components(Settings(home=tmp_path))
    }
    assert told == dict.fromkeys(told, True)


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of MLflow as `make up` starts it, with a home of its own."""
    folder, [port] = tmp_path_factory.mktemp("up"), free_ports(1)
    (mlflow,) = (part for part in components(Settings(home=folder, mlflow_port=port)) if part.name == "mlflow")
    log, environment = folder / "log", {**mlflow.environment, "HOME": str(folder)}
    with running([*mlflow.command], log=log, environment=environment, folder=ROOT) as process:
        await_answer(f"http://127.0.0.1:{port}/health", process, log, seconds=120)
        yield f"http://127.0.0.1:{port}"


def test_mlflow_answers_to_the_names_of_this_machine_alone(mlflow: str) -> None:
    """MLflow's default list has the pattern 10.*, which a host name on the internet may match."""
    port = urlsplit(mlflow).port
    hosts = {f"localhost:{port}": 200, f"127.0.0.1:{port}": 200}
    hosts |= {f"{name}:{port}": 403 for name in ("10.evil.example", "192.168.evil.example", "evil.example")}
    search = f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
    found = {host: requests.get(search, headers={"Host": host}, timeout=60).status_code for host in hosts}
    assert found == hosts


def test_mlflow_runs_no_command_and_fetches_nothing_for_whoever_reaches_its_port(mlflow: str) -> None:
    """Its assistant runs a shell, and sends a GET wherever a page on the web has a browser ask it to."""
    assistant = f"{mlflow}/ajax-api/3.0/mlflow/assistant"
    model = {"providers": {"ollama": {"base_url": "http://127.0.0.1:9", "permissions": {"full_access": True}}}}
    answers = [
        requests.put(f"{assistant}/config", json=model, timeout=60),
        requests.post(f"{assistant}/message", json={"message": "run it"}, timeout=60),
        requests.get(f"{assistant}/providers/ollama/models?base_url=http://127.0.0.1:9", timeout=60),
        requests.post(f"{mlflow}/gateway/any/mlflow/invocations", json={}, timeout=60),
    ]
    found = [(answer.status_code, "The requested URL was not found" in answer.text) for answer in answers]
    assert found == [(404, True)] * 4


PLACES = [
    {"artifact_location": "{folder}"},
    {"artifactLocation": "{folder}"},
    {"artifact_location": "file://{folder}"},
    {"artifact_location": "mlflow-artifacts:/elsewhere"},
]


@pytest.mark.parametrize("place", PLACES)
def test_mlflow_makes_no_experiment_whose_files_are_elsewhere(
    mlflow: str, tmp_path: Path, place: dict[str, str]
) -> None:
    """MLflow would write files there, such as a DAG, and read what another user of the machine links there."""
    (field, text), create = next(iter(place.items())), f"{mlflow}/api/2.0/mlflow/experiments/create"
    body = {"name": str(tmp_path) + field + text, field: text.format(folder=tmp_path)}
    for given in (body, json.dumps(body)):
        answer = requests.post(create, json=given, timeout=60)
        assert (answer.status_code, "keeps its files where MLflow does" in answer.text) == (403, True)
    assert requests.post(create, json={**body, field: "", "tags": []}, timeout=60).status_code == 200


def test_mlflow_reads_no_file_that_the_tag_of_a_trace_names(mlflow: str) -> None:
    tag = {"key": "mlflow.artifactLocation", "value": "/etc"}
    answers = [
        requests.post(f"{mlflow}/api/2.0/mlflow/traces", json={"experiment_id": "0", "timestamp_ms": 1}, timeout=60),
        requests.post(f"{mlflow}/api/3.0/mlflow/traces", json={"trace": {}}, timeout=60),
        requests.patch(f"{mlflow}/ajax-api/2.0/mlflow/traces/0/tags", json=tag, timeout=60),
        requests.patch(f"{mlflow}/api/3.0/mlflow/traces/0/tags", json=tag, timeout=60),
    ]
    found = [(answer.status_code, "records no traces" in answer.text) for answer in answers]
    assert found == [(403, True)] * 4
    search = {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}]}
    assert requests.post(f"{mlflow}/ajax-api/3.0/mlflow/traces/search", json=search, timeout=60).json() == {}


@pytest.mark.parametrize("origin", ["http://localhost:9999", "http://127.0.0.1:9999", "null", "https://evil.example"])
def test_mlflow_answers_no_page_of_another_origin(mlflow: str, origin: str) -> None:
    """MLflow itself lets pages at every port of localhost read and write."""
    search, create = (f"{mlflow}/ajax-api/2.0/mlflow/experiments/{what}" for what in ("search", "create"))
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answers = [
        requests.get(search, params={"max_results": 1}, headers={"Origin": origin}, timeout=60),
        requests.post(create, json={"name": origin}, headers={"Origin": origin}, timeout=60),
        requests.options(create, headers=asked, timeout=60),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
    assert requests.post(create, json={"name": origin}, headers={"Origin": mlflow}, timeout=60).status_code == 200


def test_a_browser_is_sent_to_the_address_that_the_programs_listen_on(tmp_path: Path) -> None:
    """It would look for `localhost` at ::1 first, where any user of the machine may listen."""
    (server,) = (part for part in components(Settings(home=tmp_path)) if part.name == "airflow-api-server")
    assert server.environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8080"
