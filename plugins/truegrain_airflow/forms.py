"""Defines the fields of the trigger forms, and reads their values in tasks.

Airflow treats a field as required unless its types include "null", and does not send a form with an empty required
field. The fields here may stay empty unless they are `required`.
"""

from typing import Any

from airflow.sdk import Param, get_current_context

_LONGEST = 2_000
_ENTRY = {"type": "string", "maxLength": _LONGEST}
_MOST_ENTRIES = 10_000
"""Of a field with one entry a line: who has more sends the form again. Every field is kept, shown and logged."""


def text(title: str, description: str, *, required: bool = False) -> Param:
    """Return a field for one line of text."""
    if required:
        return Param(type="string", minLength=1, maxLength=_LONGEST, title=title, description=description)
    return _optional(title, description, "string", maxLength=_LONGEST)


def lines(title: str, description: str, *, required: bool = False) -> Param:
    """Return a field for a list, one entry a line."""
    if required:
        rules: dict[str, Any] = {"items": _ENTRY, "minItems": 1, "maxItems": _MOST_ENTRIES}
        return Param(type="array", title=title, description=description, **rules)
    return _optional(title, description, "array", items=_ENTRY, maxItems=_MOST_ENTRIES)


def number(title: str, description: str, *, least: int, most: int | None = None) -> Param:
    """Return a field for a whole number from `least` to `most`."""
    limits = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return _optional(title, description, "integer", **limits)


def table(title: str, description: str) -> Param:
    """Return a field for a JSON object."""
    return _optional(title, description, "object", default={})


def switch(title: str, description: str) -> Param:
    """Return a switch that is off by default."""
    return _optional(title, description, "boolean", default=False)


def read(name: str) -> Any:
    """Return the value of a field in the current run's form, without blanks and blank lines; None for an empty field.

    Read a field with this function, not with a template: a template turns an empty field into the text "None".
    """
    return clean(get_current_context()["params"][name])


def clean(value: Any) -> Any:
    """Return a value without blanks around text and without blank lines; None if nothing is left."""
    if isinstance(value, list):
        return [line for line in map(clean, value) if line is not None] or None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and value.is_integer():
        return int(value)  # to JSON schema 2.0 is an integer
    return None if value == {} else value


def _optional(title: str, description: str, kind: str, *, default: object = None, **rules: Any) -> Param:
    return Param(default, type=["null", kind], title=title, description=description, **rules)
