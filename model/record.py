"""Record: what a step leaves behind as JSON, for other steps to read."""

from functools import cache
from typing import Any, ClassVar, Self

from pydantic import TypeAdapter, ValidationError

from model.errors import TruegrainError


class Record:
    """A dataclass that is written as JSON and read back; what is read is checked against the types of its fields."""

    kind: ClassVar[str]
    """What a person calls it."""
    indent: ClassVar[int | None] = None
    """Spaces a level, for records that are also read by people."""
    refusal: ClassVar[type[TruegrainError]] = TruegrainError
    """What is raised for something else."""

    def to_json(self) -> str:
        """Write the record, compact unless `indent` says otherwise."""
        return self._adapter().dump_json(self, indent=self.indent).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote; raises `refusal`, which names each faulty field, when it is something else."""
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
    """Return the field at fault, as in 'overall.f1'; nothing when the whole text is."""
    return (".".join(map(str, places)),) if places else ()
