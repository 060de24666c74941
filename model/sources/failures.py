"""Says of which file reading has failed, and what a refusal of the hub means."""

from collections.abc import Iterator
from contextlib import contextmanager

from model.errors import TruegrainError


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Note the file at `path` on an error that is raised while the file is read; `file_of` tells it."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, TruegrainError) and not getattr(error, "__notes__", None):
            error.add_note(path)
        raise


def file_of(error: BaseException) -> str:
    """Return the file that was noted on an error, in parentheses behind a blank; empty if none was."""
    notes = getattr(error, "__notes__", None)
    return f" (the file '{notes[0]}')" if notes else ""


def refusal_of_hub(error: BaseException) -> str | None:
    """Return what an error, or what caused it, means if it is a refusal of the hub; None for any other error."""
    from model.sources.hub.client import refusal_of

    current: BaseException | None = error
    while current is not None:
        if refusal := refusal_of(current):
            return refusal
        current = current.__cause__
    return None
