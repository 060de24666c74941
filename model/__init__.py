"""The domain: images, datasets, detectors and decisions. It knows no Airflow, no Flask and no Great Expectations."""

from model.telemetry import turn_telemetry_off

# The one thing that happens on import. MLflow and onnxruntime start to report while they are imported, and other
# libraries import onnxruntime too: only a variable that is set before any of them stops the reports.
turn_telemetry_off()
