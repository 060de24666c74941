"""Writes dataclasses as JSON and reads them back with type checks; steps exchange their results like this."""

from functools import cache
from typing import Any, ClassVar, Self

from pydantic import TypeAdapter, ValidationError

from model.errors import TruegrainError


class Record:
    """Base of dataclasses that are written as JSON; reading checks the types of all fields."""

    kind: ClassVar[str]
    """Name of the record in error messages, such as 'gallery of mistakes'."""
    indent: ClassVar[int | None] = None
    """Spaces of indentation a level, for records that people read, too; None: compact."""
    refusal: ClassVar[type[TruegrainError]] = TruegrainError
    """The error that `from_json` raises for any other text."""

    def to_json(self) -> str:
        """Return the record as JSON, indented if `indent` is set."""
        return self._adapter().dump_json(self, indent=self.indent).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a record that `to_json` wrote; raises `refusal`, naming each faulty field, for any other text."""
        try:
            record: Self = cls._adapter().validate_json(text)
        except ValidationError as error:
            faults = "; ".join(": ".join((*_path(fault["loc"]), fault["msg"])) for fault in error.errors())
            raise cls.refusal(f"this is no {cls.kind}: {faults}") from error
        return record

    @classmethod
    @cache
    def _adapter(cls) -> TypeAdapter[Any]:
        return TypeAdapter(cls)


def _path(places: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the path of a faulty field, such as 'overall.f1'; empty if the whole text is faulty."""
    return (".".join(map(str, places)),) if places else ()
