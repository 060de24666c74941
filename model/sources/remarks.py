"""Remark: what a person should know about how a source was read, such as files that were left out and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

_MOST_EXAMPLES = 5
_MOST_TEXTS = 50
_LONGEST = 300
_FURTHER = "There are further remarks."


@dataclass(frozen=True, slots=True)
class Remark:
    """One fact about a source, in a `text` of whole sentences, with the `count` of the files or rows it is about.

    - `examples`: some of these files or rows.
    - `warns`: whether validation shows the remark as a warning.
    - `of_rows`: whether the count grew while images were read, so that each part of a run has a count of its own.
    """

    text: str
    count: int = 1
    examples: tuple[str, ...] = ()
    warns: bool = False
    of_rows: bool = False

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return the remark whose fields `told` holds, as JSON knows them."""
        return cls(**{**told, "examples": tuple(told["examples"])})


class Remarks:
    """Collects remarks; equal texts are one remark with their number."""

    def __init__(self) -> None:
        self._count: dict[tuple[str, bool], int] = {}
        self._examples: dict[tuple[str, bool], list[str]] = {}

    def add(self, text: str, example: str, *, warns: bool = False, count: int = 1) -> None:
        """Count what `text` says about `example`; characters that would steer a terminal are replaced."""
        key = (_printable(text[:_LONGEST]), warns)
        if key not in self._count and len(self._count) >= _MOST_TEXTS:
            key = (_FURTHER, warns)
        self._count[key] = self._count.get(key, 0) + count
        examples = self._examples.setdefault(key, [])
        if len(examples) < _MOST_EXAMPLES:
            examples.append(_printable(example[-_LONGEST:]))

    def leave_out(self, path: str) -> None:
        """Count a file that is left out because its name does not end as that of an image."""
        stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
        named = f"ends in '{dot}{suffix.lower()[:20]}'" if stem and dot else "has no ending"
        self.add(f"Left out: a file whose name {named}, which is no image that is read.", path)

    def __iter__(self) -> Iterator[Remark]:
        """Yield the remarks in the order in which they came up."""
        for (text, warns), count in self._count.items():
            yield Remark(text, count, tuple(self._examples[text, warns]), warns)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
