"""What a PromQL expression asks for: the series it selects, and the labels it names."""

import re
from typing import Final

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
