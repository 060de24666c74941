"""The names of the files that training, evaluation, the gate and the forecast log to a run."""

from typing import Final

FULL: Final = "detector"
INT8: Final = "detector-int8"
"""The folders of a run's artifact, one for each variant: as trained, and with 8-bit weights."""

REPORT: Final = "report.json"
REPORT_INT8: Final = "report-int8.json"
CHAMPION: Final = "champion.json"
GALLERY: Final = "gallery.json"
DECISION: Final = "decision.json"
DECISION_INT8: Final = "decision-int8.json"
DECIDING: Final = "deciding.json"
FORECAST: Final = "forecast.json"
PAGE: Final = "report.html"
