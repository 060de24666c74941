"""docker-compose.yaml, the files that it mounts and the code fit together."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from model import TELEMETRY_OFF
from model.settings import PREFIX, Settings
from truegrain_rig.mlflow_server import GUARDED

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SECRETS = {
    "POSTGRES_PASSWORD",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
    "GRAFANA_PASSWORD",
}
NEEDS_COMPOSE = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")


def compose_config(tmp_path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Return docker-compose's reading of the file with this environment; a `.env` in the repository has no effect."""
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
    allowed = services["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"]
    called = {service["environment"]["TRUEGRAIN_TRACKING_URI"] for name, service in services.items() if asks(service)}
    assert called == {"http://mlflow:5000"}
    assert "mlflow:5000" in allowed.split(",")


@NEEDS_COMPOSE
def test_mlflow_runs_as_it_does_under_make_up(services: dict[str, Any]) -> None:
    assert f"--gunicorn-opts={GUARDED}" in services["mlflow"]["command"]


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
def test_the_service_and_the_pipeline_hold_the_same_lock(services: dict[str, Any]) -> None:
    lake = Settings(home=Path("/data")).lake_url
    for name in ("service", "airflow-scheduler"):
        lock = Settings.from_environment(services[name]["environment"]).reports_lock
        assert lock.is_relative_to(lake), name


@NEEDS_COMPOSE
def test_the_service_and_the_pipeline_have_the_same_prediction_log_which_postgres_keeps(
    services: dict[str, Any],
) -> None:
    logs = {services[name]["environment"]["TRUEGRAIN_PREDICTIONS"] for name in ("service", "airflow-scheduler")}
    assert logs == {"postgresql+psycopg2://truegrain:the-POSTGRES_PASSWORD@postgres/predictions"}
    assert "CREATE DATABASE predictions;" in (ROOT / "infra/docker/databases.sql").read_text()


def test_an_empty_setting_from_compose_is_the_default() -> None:
    assert Settings.from_environment(dict.fromkeys(Settings.variables(), "")) == Settings()


def test_prometheus_scrapes_programs_that_compose_starts_where_they_listen() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    config = yaml.safe_load((ROOT / "infra/prometheus/prometheus.yml").read_text())
    [alertmanager] = config["alerting"]["alertmanagers"]
    targets = [
        tuple(target.split(":"))
        for scraped in [*config["scrape_configs"], alertmanager]
        for each in scraped["static_configs"]
        for target in each["targets"]
    ]
    assert {name for name, _ in targets} - {"localhost"} == {"service", "mlflow", "statsd-exporter", "alertmanager"}
    assert {name for name, _ in targets} <= set(services) | {"localhost"}
    command = (ROOT / "infra/docker/service.Dockerfile").read_text().split("CMD")[1]
    assert ("service", *re.findall(r"0\.0\.0\.0:(\d+)", command)) in targets
    assert ("mlflow", "5000") in targets


@NEEDS_COMPOSE
def test_airflow_sends_its_metrics_to_the_exporter_with_labels(services: dict[str, Any]) -> None:
    for name in ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-api-server"):
        settings = services[name]["environment"]
        assert (
            settings["AIRFLOW__METRICS__STATSD_ON"] == settings["AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED"] == "true"
        )
        assert settings["AIRFLOW__METRICS__STATSD_HOST"] in services
        assert settings["AIRFLOW__METRICS__LEGACY_NAMES_ON"] == "false"


@NEEDS_COMPOSE
def test_dags_run_without_anybody_unpausing_them(services: dict[str, Any]) -> None:
    airflow = [service["environment"] for name, service in services.items() if name.startswith("airflow-")]
    assert {settings.get("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION") for settings in airflow} == {"false"}


@pytest.mark.parametrize(
    ("image", "libraries"), [("pipeline", ("AIRFLOW", "GX", "MLFLOW", "ORT")), ("service", ("MLFLOW", "ORT"))]
)
def test_whatever_is_started_in_an_image_reports_to_nobody(image: str, libraries: tuple[str, ...]) -> None:
    variables = dict(re.findall(r"\b([A-Z_]+)=(\S+)", (ROOT / f"infra/docker/{image}.Dockerfile").read_text()))
    off = {name: value for name, value in TELEMETRY_OFF.items() if name.startswith(libraries)}
    assert off.items() <= variables.items()


@pytest.mark.parametrize("image", ["pipeline", "service"])
def test_an_image_copies_only_what_its_context_has(image: str) -> None:
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    copies = re.findall(r"^COPY (\S+) \S+$", (ROOT / f"infra/docker/{image}.Dockerfile").read_text(), re.MULTILINE)
    assert copies
    wanted = [path for path in copies if not any(f"!{part}" in kept for part in (path, *map(str, Path(path).parents)))]
    assert wanted == []


@pytest.mark.parametrize("image", ["pipeline", "service"])
def test_an_image_holds_every_package_of_ours_that_its_code_imports(image: str) -> None:
    folders = (ROOT, ROOT / "plugins", ROOT / "infra")
    ours = {found.parent.name: found.parent for folder in folders for found in folder.glob("*/__init__.py")}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copies = re.findall(r"^COPY (\S+) \1$", (ROOT / f"infra/docker/{image}.Dockerfile").read_text(), re.MULTILINE)
    held = [ROOT / path for path in copies if f"!{path}" in ignored]
    modules = [module for path in held for module in path.rglob("*.py")]
    assert modules
    named = {name for module in modules for name in re.findall(r"^(?:from|import) (\w+)", module.read_text(), re.M)}
    named |= {program.partition(".")[0] for program in PROJECT["scripts"].values()}
    assert {name for name in named & set(ours) if not any(ours[name].is_relative_to(path) for path in held)} == set()


def test_everything_that_is_mounted_from_the_repository_exists() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    mounted = [volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    ours = [path for path in mounted if path.startswith("./")]
    assert ours
    assert [path for path in ours if not (ROOT / path).exists()] == []


@NEEDS_COMPOSE
def test_the_service_is_reached_through_the_proxy_alone_and_believes_its_addresses(services: dict[str, Any]) -> None:
    assert "ports" not in services["service"]
    assert services["service"]["environment"]["TRUEGRAIN_PROXIES"] == "1"
    [port] = services["proxy"]["ports"]
    assert port["target"] == 8080
    configuration = (ROOT / "infra/nginx/nginx.conf").read_text()
    assert f"listen {port['target']};" in configuration
    assert "server service:8000;" in configuration


@NEEDS_COMPOSE
def test_the_proxy_writes_only_into_memory(services: dict[str, Any]) -> None:
    written = re.findall(r"(?:_temp_path|pid) (/\w+)/", (ROOT / "infra/nginx/nginx.conf").read_text())
    assert len(written) >= 6
    assert set(written) == set(services["proxy"]["tmpfs"])
    assert services["proxy"]["read_only"]
