"""The domain: images, datasets, detectors and decisions. It imports no Airflow, no Flask and no Great Expectations."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TELEMETRY_OFF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "ORT_DISABLE_TELEMETRY": "1",
    }
)
"""Environment variables that switch off the telemetry of Airflow, Great Expectations, MLflow and onnxruntime."""

# The only thing that happens on import. MLflow and onnxruntime send reports while they are imported, and other
# libraries import onnxruntime, too. So the variables must be set before any of these imports.
for _variable, _value in TELEMETRY_OFF.items():
    os.environ.setdefault(_variable, _value)
