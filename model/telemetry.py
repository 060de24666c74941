"""Telemetry of the libraries that Truegrain imports, turned off."""

import os

TELEMETRY_OFF = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""The variables by which Airflow, Great Expectations, MLflow and onnxruntime report nothing to their makers."""


def turn_telemetry_off() -> None:
    """Set `TELEMETRY_OFF` for this process and those that it starts; variables already set win."""
    for variable, value in TELEMETRY_OFF.items():
        os.environ.setdefault(variable, value)
