"""Reads options from a TOML file, overridden by a second one; errors name each wrong value by its key."""

import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from model.errors import SettingsError

Options = TypeVar("Options")

Share = Annotated[float, Field(ge=0, le=1)]
ShareAboveZero = Annotated[float, Field(gt=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
AtMostHalf = Annotated[float, Field(gt=0, le=0.5)]
Count = Annotated[int, Field(ge=1)]


def read_options(type_: type[Options], shipped: Traversable, path: str, *, name: str) -> Options:
    """Read the options of the TOML file `shipped`, overridden by those of the file at `path` unless `path` is empty.

    Raises SettingsError for a file that cannot be read, an unknown key or a value that is not allowed. `name` is what
    the error calls the options.
    """
    table = _read(shipped, name)
    given = _read(Path(path), name) if path else {}
    try:
        return TypeAdapter(type_).validate_python(lay_over(table, given))
    except ValidationError as error:
        problems = list_problems(error)
        raise SettingsError(
            f"the {name} '{path}' is not allowed: {problems}. model/{shipped.name} lists all keys"
        ) from error


def lay_over(table: Mapping[str, Any], replacements: Mapping[str, object]) -> dict[str, Any]:
    """Return a copy of `table` with the values of `replacements`.

    A dotted key such as "augmentation.jpeg" names a value inside a table. Two tables are merged key by key. If only one
    of the two values is a table, the replacement replaces the old value.
    """
    laid = dict(table)
    for key, value in replacements.items():
        outer, dot, inner = key.partition(".")
        replacement = {inner: value} if dot else value
        below = laid.get(outer, {})
        if isinstance(replacement, Mapping) and isinstance(below, Mapping):
            laid[outer] = lay_over(below, replacement)
        else:
            laid[outer] = replacement
    return laid


def list_problems(error: ValidationError) -> str:
    """Name each key that is unknown or whose value is not allowed, with the value and what is wrong with it."""
    return "; ".join(f"{'.'.join(map(str, p['loc']))}={p['input']!r}: {p['msg']}" for p in error.errors())


def _read(file: Traversable, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SettingsError(f"the {name} '{file}' cannot be read: {error}") from error
