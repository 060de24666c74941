"""docker-compose.yaml, Prometheus' configuration and Grafana's dashboard fit each other and the code."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from apiflask import APIFlask

from model.settings import PREFIX, Settings
from service.app import create_app

ROOT = Path(__file__).parents[2]
SECRETS = {
    "POSTGRES_PASSWORD",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
    "GRAFANA_PASSWORD",
}
NEEDS_COMPOSE = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
NEEDS_PROMTOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def compose_config(tmp_path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What docker-compose makes of the file with this environment, whatever `.env` lies in the repository."""
    (tmp_path / "none.env").touch()
    command = ["docker-compose", "--file", str(ROOT / "docker-compose.yaml"), "--env-file", "none.env", "config"]
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        command, cwd=tmp_path, env={**base, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Any]:
    answer = compose_config(tmp_path, **{secret: f"the-{secret}" for secret in SECRETS})
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = yaml.safe_load(answer.stdout)["services"]
    return found


@pytest.fixture
def app(tmp_path: Path) -> APIFlask:
    return create_app(Settings(home=tmp_path))


@NEEDS_COMPOSE
@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_without_a_secret_nothing_starts(tmp_path: Path, missing: str) -> None:
    answer = compose_config(tmp_path, **dict.fromkeys(SECRETS - {missing}, "given"))
    assert answer.returncode != 0
    assert f"set {missing} in .env" in answer.stderr


@NEEDS_COMPOSE
def test_every_service_that_stays_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"airflow-init"}


@NEEDS_COMPOSE
def test_mlflow_accepts_the_address_that_the_others_call(services: dict[str, Any]) -> None:
    (allowed,) = [part for part in services["mlflow"]["command"] if part.startswith("--allowed-hosts=")]
    called = {service["environment"]["TRUEGRAIN_TRACKING_URI"] for name, service in services.items() if asks(service)}
    assert called == {"http://mlflow:5000"}
    assert "mlflow:5000" in allowed.partition("=")[2].split(",")


def asks(service: dict[str, Any]) -> bool:
    return "TRUEGRAIN_TRACKING_URI" in service.get("environment", {})


@NEEDS_COMPOSE
def test_the_containers_are_given_settings_that_exist(services: dict[str, Any]) -> None:
    given = {
        name for service in services.values() for name in service.get("environment", {}) if name.startswith(PREFIX)
    }
    assert given <= set(Settings.variables())


@pytest.mark.parametrize("name", ["service", "airflow-scheduler"])
def test_the_service_and_the_pipeline_have_the_same_lake(name: str) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    assert f"lake:{Settings(home=Path('/data')).lake_url}" in services[name]["volumes"]


@NEEDS_COMPOSE
def test_the_service_and_the_pipeline_have_the_same_prediction_log_which_postgres_keeps(
    services: dict[str, Any],
) -> None:
    logs = {services[name]["environment"]["TRUEGRAIN_PREDICTIONS"] for name in ("service", "airflow-scheduler")}
    assert logs == {"postgresql+psycopg2://truegrain:the-POSTGRES_PASSWORD@postgres/predictions"}
    assert "CREATE DATABASE predictions;" in (ROOT / "infra/docker/databases.sql").read_text()


def test_an_empty_setting_from_compose_is_the_default() -> None:
    assert Settings.from_environment(dict.fromkeys(Settings.variables(), "")) == Settings()


@NEEDS_PROMTOOL
def test_prometheus_accepts_its_configuration() -> None:
    command = ["promtool", "check", "config", str(ROOT / "infra/prometheus/prometheus.yml")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_prometheus_scrapes_the_service_where_it_listens() -> None:
    (job,) = yaml.safe_load((ROOT / "infra/prometheus/prometheus.yml").read_text())["scrape_configs"]
    command = (ROOT / "infra/docker/service.Dockerfile").read_text().split("CMD")[1]
    (port,) = re.findall(r"0\.0\.0\.0:(\d+)", command)
    assert job["static_configs"] == [{"targets": [f"service:{port}"]}]


def test_every_metric_of_the_dashboard_is_exported(app: APIFlask) -> None:
    app.test_client().get("/healthz")
    exported = {
        line.split()[2] for line in app.test_client().get("/metrics").text.splitlines() if line.startswith("# TYPE")
    }
    dashboard = json.loads((ROOT / "infra/grafana/dashboards/truegrain.json").read_text())
    queries = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:truegrain|flask)_\w+", queries)}
    assert asked
    assert asked <= exported
