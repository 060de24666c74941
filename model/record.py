"""Record: what a step leaves behind as JSON, for other steps to read."""

from typing import ClassVar, Self

from pydantic import TypeAdapter, ValidationError

from model.errors import TruegrainError


class Record:
    """A dataclass that is written as JSON and read back; what is read is checked against the types of its fields."""

    kind: ClassVar[str]
    """What a person calls it."""
    indent: ClassVar[int | None] = None
    """Spaces a level, for records that are also read by people."""

    def to_json(self) -> str:
        """Write the record, compact unless `indent` says otherwise."""
        return TypeAdapter(type(self)).dump_json(self, indent=self.indent).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote; raises TruegrainError when it is something else."""
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError as error:
            raise TruegrainError(f"this is no {cls.kind}: {error}") from error
