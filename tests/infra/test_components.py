"""The programs that `make up` starts."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from launcher.components import components
from model.settings import Settings


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
