"""An Airflow for the tests of the DAGs, with home, database and settings in a temporary folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model import TELEMETRY_OFF

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def airflow_environment(tmp_path_factory) -> dict[str, str]:
    """The environment of an Airflow that reads our DAGs and plugin, and nothing else from this machine."""
    home = tmp_path_factory.mktemp("airflow")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TRUEGRAIN"))}
    return inherited | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "false",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "TRUEGRAIN_HOME": str(home / "truegrain"),
        **TELEMETRY_OFF,
    }


@pytest.fixture(scope="session")
def python(airflow_environment):
    """`python("program", ...)` runs a Python process in this environment and returns the last line it prints."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=airflow_environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout.strip().splitlines()[-1]

    return run
