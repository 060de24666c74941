"""Makes the pieces of Markdown that the pages of the reference are built from."""

from collections.abc import Iterable, Sequence
from typing import Final

NOTE: Final = "<!-- Written by `make docs` from the code. Change the code, not this file. -->"


def page(title: str, *parts: str) -> str:
    """Return a page: its title, a note that it is generated, and its parts, a blank line between each two."""
    return "\n\n".join([f"# {title}", NOTE, *(part.strip("\n") for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a row for each of `rows`; a cell may hold Markdown, and its pipes are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def code(text: object) -> str:
    """Return text in the type of code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def literal(text: str) -> str:
    """Return text that may hold angle brackets, such as '<home>/lake', so that Markdown shows them."""
    return text.replace("<", "\\<")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
