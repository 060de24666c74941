"""Reads the reference that recent predictions are compared with, or says why drift cannot be measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from model.detectors.artifact import CARD, Card, read_reference
from model.detectors.traffic_sample import Reference
from model.errors import ArtifactError
from model.monitoring.terms import Cause
from service.status.pointer import Pointer, pointer_path


class Unmeasurable(Exception):
    """Why drift cannot be measured: a known cause, and a sentence for the public GET /health."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.cause: Cause = cause


@dataclass(frozen=True)
class DriftReference:
    """A version on this machine, with its card and its reference."""

    pointer: Pointer
    card: Card
    reference: Reference

    @classmethod
    def read(cls, home: Path, pointer: Pointer) -> Self:
        """Read the card and the reference of the version that `pointer` names; raises Unmeasurable without them."""
        folder = pointer_path(home).parent / pointer.folder
        try:
            card, reference = Card.from_json((folder / CARD).read_bytes()), read_reference(folder)
        except (ArtifactError, OSError) as error:
            reason = f"the reference of version {pointer.version} is missing or wrong: the monitor's log says why"
            raise Unmeasurable("other_reference", reason) from error
        if reference is None:
            reason = f"version {pointer.version} has no reference; a newly trained detector has one"
            raise Unmeasurable("no_reference", reason)
        return cls(pointer, card, reference)


def read_production(home: Path) -> Pointer:
    """Return the pointer to the version in production on this machine; raises Unmeasurable when there is none."""
    try:
        return Pointer.read(pointer_path(home))
    except FileNotFoundError as error:
        raise Unmeasurable("no_model", "no detector is in service yet") from error
    except (ArtifactError, OSError) as error:
        reason = "the pointer to the detector in service cannot be read: the monitor's log says why"
        raise Unmeasurable("no_model", reason) from error
