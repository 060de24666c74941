"""What `truegrain predict` writes: a line an image on stdout, and how far it is on stderr."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from model.errors import in_one_line
from service.answers.verdict import Verdict
from truegrain.judging import Outcome, Unreadable

_ERASE: Final = "\r\x1b[K"
"""Moves the terminal's cursor to the beginning of the line, and erases the line."""


def as_json(outcome: Outcome) -> str:
    """Return a JSON object: `file`, and `verdict` or `problem` as the API has them."""
    result = outcome.result
    body = asdict(result) if isinstance(result, Unreadable) else result.model_dump(mode="json")
    kind = "verdict" if isinstance(result, Verdict) else "problem"
    return json.dumps({"file": outcome.name, kind: body}, ensure_ascii=False)


def as_text(outcome: Outcome) -> str:
    """Return the decision, the probability of AI, the name, and in brackets the notes or the reason of a refusal.

    As on the page, a demonstration and a picture that the detector cannot judge have no probability.
    """
    result = outcome.result
    if isinstance(result, Verdict):
        doubtful = result.model.demonstration or any(note.unsure for note in result.notes)
        what, probability = str(result.decision), "" if doubtful else f"{result.probability:.4f}"
        remarks = "; ".join(note.detail for note in result.notes)
    else:
        what, probability = "refused", ""
        remarks = f"{result.reason}: {result.detail}"
    name = in_one_line(outcome.name)
    return f"{what:<8} {probability:<7} {name}" + (f"  ({in_one_line(remarks)})" if remarks else "")


def summarise(counts: Mapping[str, int], passed_over: int) -> str:
    """Return the number of images by what came of them, and the number of files that were passed over."""
    parts = [f"{count:,} {what}" for what, count in sorted(counts.items()) if count]
    if passed_over:
        parts.append(f"{passed_over:,} passed over, which do not look like images")
    return "; ".join(parts)


class Progress:
    """How far the command is, in one line on stderr; silent if stderr is no terminal."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._is_seen = sys.stderr.isatty()

    def show(self, counts: Mapping[str, int]) -> None:
        """Show how many images are judged."""
        done, refused = sum(counts.values()), counts.get("refused", 0)
        self._write(f"{done:,} of {self._images:,}" + (f", {refused:,} refused" if refused else ""))

    def pause(self, seconds: float) -> None:
        """Say that the service is busy, and asked for a pause."""
        self._write(f"the service is busy; trying again in {seconds:.0f} s")

    def clear(self) -> None:
        """Erase the line."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._is_seen:
            sys.stderr.write(_ERASE + text)
            sys.stderr.flush()
