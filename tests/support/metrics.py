"""Reads metrics as text: the series of a scrape, and the selectors of a PromQL expression."""

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
    """Return the selectors of an expression, without their windows: 'up', 'up{job="mlflow"}'."""
    bare = _GROUPING.sub("", _WINDOW.sub("", expression))
    return {name + (matchers or "") for name, matchers in _SELECTOR.findall(bare)}


def grouping(expression: str) -> set[str]:
    """Return the labels by which an expression groups and matches."""
    return {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",") if label.strip()}


def metric(selector: str) -> str:
    """Return the metric of a selector; for a series of a histogram, the histogram's name."""
    return _SUFFIX.sub("", selector.partition("{")[0])


def labels(selector: str) -> set[str]:
    """Return the labels in a selector."""
    return set(_LABEL.findall(selector.partition("{")[2]))


def read_metric(scrape: str, name: str, **labels: str) -> float:
    """Return the sum of the series of `name` with `labels`; fail when there is none."""
    found = read_series(scrape, name, **labels)
    assert found, f"nothing exports {name} {labels}"
    return sum(sample.value for sample in found)


def read_series(scrape: str, name: str, **labels: str) -> list[Sample]:
    """Return the series of `name` with `labels`."""
    return [
        sample
        for family in text_string_to_metric_families(scrape)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
