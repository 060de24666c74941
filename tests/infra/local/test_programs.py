"""The programs that `make up` starts."""

from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from model import TELEMETRY_OFF
from model.settings import Settings
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


def test_mlflow_answers_to_the_names_of_this_machine_alone(tmp_path: Path) -> None:
    """MLflow's default list has the pattern 10.*, which a host name on the internet may match."""
    [port] = free_ports(1)
    (mlflow,) = (part for part in components(Settings(home=tmp_path, mlflow_port=port)) if part.name == "mlflow")
    log, url = tmp_path / "mlflow.log", f"http://127.0.0.1:{port}"
    hosts = {f"localhost:{port}": 200, f"127.0.0.1:{port}": 200}
    hosts |= {f"{name}:{port}": 403 for name in ("10.evil.example", "192.168.evil.example", "evil.example")}
    with running([*mlflow.command], log=log, environment=dict(mlflow.environment)) as process:
        await_answer(f"{url}/health", process, log, seconds=120)
        search = f"{url}/api/2.0/mlflow/experiments/search?max_results=1"
        found = {host: requests.get(search, headers={"Host": host}, timeout=60).status_code for host in hosts}
    assert found == hosts
