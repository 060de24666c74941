"""Reads the settings of `make up`: from the environment, else from the file `.env`."""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from model.settings import Settings
from model.sources.kinds import make_absolute

ROOT = Path(__file__).resolve().parents[2]
"""The repository's folder."""

PATIENT_WITH_MLFLOW = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""MLflow's patience in tasks, which can wait for a busy MLflow; the service keeps the short one of `model.registry`."""


FILES = ("api_keys", "drift_policy", "gate_policy", "receipt_key", "require_signature")
"""Settings that name a file."""


def read_settings(environment: Mapping[str, str], *, dotenv: Path = ROOT / ".env") -> Settings:
    """Return the settings for this machine, with absolute paths and the MLflow that `make up` starts.

    Raises SettingsError as `Settings.from_environment` does.
    """
    in_file = {name: value or "" for name, value in dotenv_values(dotenv, interpolate=False).items()}
    settings = Settings.from_environment({**in_file, **environment})
    local = {
        "home": (ROOT / settings.home.expanduser()).resolve(),
        "tracking_uri": f"http://127.0.0.1:{settings.mlflow_port}",
    }
    files = {name: str(Path(given).expanduser().absolute()) for name in FILES if (given := getattr(settings, name))}
    source = {"source": make_absolute(settings.source)} if names_source(settings) else {}
    return settings.model_copy(update=local | source | files)


def names_source(settings: Settings) -> bool:
    """Whether the environment or `.env` names the source; without a name it is the built-in source."""
    return "source" in settings.model_fields_set
