"""Writes dataclasses as JSON and reads them back with type checks; steps exchange their results like this."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

from pydantic import BeforeValidator, FailFast, TypeAdapter, ValidationError
from pydantic_core import from_json

from model.errors import TruegrainError

_MOST_NAMES: Final = 1_000
_MOST_FAULTS: Final = 100
_MOST_TOLD: Final = 2_000
"""Characters of an error."""

_T = TypeVar("_T")


def _check_few(names: Any) -> Any:
    if isinstance(names, Mapping) and len(names) > _MOST_NAMES:
        raise ValueError(f"{len(names):,} names, at most {_MOST_NAMES:,} are read")
    return names


Sequenced = Annotated[tuple[_T, ...], FailFast()]
"""A tuple of a record that a stranger may have written: its first fault ends the reading.

Pydantic otherwise keeps every fault, in 700 bytes or more: those of a file of 4 MB took 3.6 GB."""

Named = Annotated[Mapping[str, _T], BeforeValidator(_check_few)]
"""The same for a mapping, which has few names."""


class Record:
    """Base of dataclasses that are written as JSON; reading checks the types of all fields."""

    kind: ClassVar[str]
    """Name of the record in error messages, such as 'gallery of mistakes'."""
    indent: ClassVar[int | None] = None
    """Spaces of indentation a level, for records that people read, too; None: compact."""
    refusal: ClassVar[type[TruegrainError]] = TruegrainError
    """The error that `from_json` raises for any other text."""
    most_bytes: ClassVar[int] = 1_000_000
    """Largest size in bytes of a file with the record, if a stranger may have written the file."""

    def to_json(self) -> str:
        """Return the record as JSON, indented if `indent` is set."""
        return self._adapter().dump_json(self, indent=self.indent).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a record that `to_json` wrote; raises `refusal`, naming the faulty fields, for any other text."""
        try:
            # Not `validate_json`, whose error holds a copy of the whole text for each field that is missing.
            record: Self = cls._adapter().validate_python(from_json(text))
        except ValidationError as error:
            # Without the cause: its text quotes all faults, and a log would quote that.
            raise cls.refusal(f"this is no {cls.kind}: {_describe(error)}"[:_MOST_TOLD]) from None
        except ValueError as error:
            raise cls.refusal(f"this is no {cls.kind}: Invalid JSON: {error}"[:_MOST_TOLD]) from None
        return record

    @classmethod
    @cache
    def _adapter(cls) -> TypeAdapter[Any]:
        return TypeAdapter(cls)


def _describe(error: ValidationError) -> str:
    if (count := error.error_count()) > _MOST_FAULTS:
        return f"{count:,} faults"
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(": ".join((*_path(fault["loc"]), fault["msg"])) for fault in faults)


def _path(places: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the path of a faulty field, such as 'overall.f1'; empty if the whole text is faulty."""
    return (".".join(map(str, places)),) if places else ()
