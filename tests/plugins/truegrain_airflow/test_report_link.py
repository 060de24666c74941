"""The address behind a task's button."""

from types import SimpleNamespace

import pytest

from model.registry import connect
from model.settings import Settings
from truegrain_airflow.report_link import ReportLink


@pytest.fixture
def run_id(mlflow_server, tmp_path, monkeypatch):
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path))
    monkeypatch.setenv("TRUEGRAIN_TRACKING_URI", mlflow_server)
    settings = Settings(home=tmp_path, tracking_uri=mlflow_server)
    with connect(settings).run("train", params={}) as run:
        pass
    return run.id


def test_it_leads_to_the_report_of_the_tasks_run_where_a_browser_finds_mlflow(run_id, mlflow_server, monkeypatch):
    operator = SimpleNamespace(op_args=[run_id])
    inside = ReportLink().get_link(operator, ti_key=None)
    assert inside.startswith(f"{mlflow_server}/#/experiments/")
    assert inside.endswith(f"/runs/{run_id}/artifacts/report.html")
    monkeypatch.setenv("TRUEGRAIN_MLFLOW_URL", "https://mlflow.example.org/")
    outside = ReportLink().get_link(operator, ti_key=None)
    assert outside.startswith("https://mlflow.example.org/#/experiments/")
