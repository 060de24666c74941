"""The domain: images, datasets, detectors and decisions. It knows no Airflow, no Flask and no Great Expectations."""

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
"""The variables by which Airflow, Great Expectations, MLflow and onnxruntime report nothing to their makers."""

# The one thing that happens on import. MLflow and onnxruntime start to report while they are imported, and other
# libraries import onnxruntime too: only a variable that is set before any of them stops the reports.
for _variable, _value in TELEMETRY_OFF.items():
    os.environ.setdefault(_variable, _value)
