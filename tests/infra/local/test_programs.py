"""The programs that `make up` starts."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from model import TELEMETRY_OFF
from model.settings import Settings
from truegrain_local.programs import components


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
