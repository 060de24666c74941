"""Metrics as text: the series that a scrape holds, and what a PromQL expression asks for."""

import re
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_WINDOW: Final = re.compile(r"\[[^\]]*\]|\boffset \w+")
_GROUPING: Final = re.compile(r"\b(?:by|on|ignoring|group_left)\s*\(([^)]*)\)")
_SELECTOR: Final = re.compile(
    r"\b((?:truegrain|flask|mlflow|airflow|up|ALERTS)\b[\w:]*|(?:truegrain|flask|mlflow|airflow)_\w+)(\{[^}]*\})?"
)
_LABEL: Final = re.compile(r"(\w+)\s*(?:=~|!=|!~|=)")
_SUFFIX: Final = re.compile(r"_(bucket|sum|count)$")


def selectors(expression: str) -> set[str]:
    """The selectors of an expression, without their windows: 'up', 'up{job="mlflow"}'."""
    bare = _GROUPING.sub("", _WINDOW.sub("", expression))
    return {name + (matchers or "") for name, matchers in _SELECTOR.findall(bare)}


def grouping(expression: str) -> set[str]:
    """The labels by which an expression adds up and matches."""
    return {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",") if label.strip()}


def metric(selector: str) -> str:
    """The metric that a selector belongs to, a histogram under its own name."""
    return _SUFFIX.sub("", selector.partition("{")[0])


def labels(selector: str) -> set[str]:
    """The labels that a selector asks about."""
    return set(_LABEL.findall(selector.partition("{")[2]))


def read_metric(scrape: str, name: str, **labels: str) -> float:
    """The sum of the series of `name` that carry `labels`; fails when there is none."""
    found = read_series(scrape, name, **labels)
    assert found, f"nothing exports {name} {labels}"
    return sum(sample.value for sample in found)


def read_series(scrape: str, name: str, **labels: str) -> list[Sample]:
    """The series of `name` that carry `labels`."""
    return [
        sample
        for family in text_string_to_metric_families(scrape)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
