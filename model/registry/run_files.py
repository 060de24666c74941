"""The names of the files that evaluating, deciding and forecasting leave in a run."""

from typing import Final

REPORT: Final = "report.json"
REPORT_INT8: Final = "report-int8.json"
CHAMPION: Final = "champion.json"
GALLERY: Final = "gallery.json"
DECISION: Final = "decision.json"
DECISION_INT8: Final = "decision-int8.json"
FORECAST: Final = "forecast.json"
PAGE: Final = "report.html"
