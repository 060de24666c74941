"""Reads options from a TOML file, overridden by a second one; errors name each wrong value by its key."""

import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from model.errors import SettingsError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Options = TypeVar("Options")

Share = Annotated[float, Field(ge=0, le=1)]
ShareAboveZero = Annotated[float, Field(gt=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
AtMostHalf = Annotated[float, Field(gt=0, le=0.5)]
Count = Annotated[int, Field(ge=1)]

_MOST_PROBLEMS: Final = 10
_LONGEST_SHOWN: Final = 200
_CONTRADICTION: Final = "contradiction"
_WITHOUT_VALUE: Final = ("missing", "extra_forbidden", "unexpected_keyword_argument", _CONTRADICTION)
"""Problems without a value to show. As the value of a missing key pydantic gives the whole table."""


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


def contradiction(problem: str) -> PydanticCustomError:
    """Return the error of a validator about options that are allowed one by one, but not together."""
    return PydanticCustomError(_CONTRADICTION, "{problem}", {"problem": problem})


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
    """Name the first keys that are unknown, missing or have a value that is not allowed, and what is wrong with each.

    The message shows one line of the value of a known key, and no other value. The named file may be no file of
    options, and may hold secrets.
    """
    problems = error.errors()
    told = "; ".join(map(_tell, problems[:_MOST_PROBLEMS]))
    return f"{told}; and {len(problems) - _MOST_PROBLEMS:,} more" if problems[_MOST_PROBLEMS:] else told


def _tell(problem: "ErrorDetails") -> str:
    key = ".".join(map(str, problem["loc"]))[:_LONGEST_SHOWN]
    shown = "" if problem["type"] in _WITHOUT_VALUE else f"={repr(problem['input'])[:_LONGEST_SHOWN]}"
    return f"{key}{shown}: {problem['msg']}"


def _read(file: Traversable, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SettingsError(f"the {name} '{file}' cannot be read: {error}") from error
