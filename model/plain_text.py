"""Texts that a stranger may have written, made fit for a line of a log or of a terminal."""


def in_one_line(text: str) -> str:
    """Return the text as one printable line: a blank for line breaks, control characters and rows of blanks."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
