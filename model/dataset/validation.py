"""Reads and writes validation.json: what Great Expectations found in a dataset version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from pydantic import StrictBool

from model.dataset.lake import Lake
from model.errors import DatasetError
from model.files import write_text
from model.record import Record

FILE: Final = "validation.json"


@dataclass(frozen=True, kw_only=True)
class Validation(Record):
    """Whether a version may be trained on (`success`), how many images were accepted and refused, and the findings.

    `failed` are the findings for which the version was refused; `warnings` refuse nothing. The fields after them are
    for people, and are ignored when two validations are compared. A file of an earlier release may lack any field but
    `success`.
    """

    kind: ClassVar = "validation of a dataset version"
    indent: ClassVar = 1
    refusal: ClassVar = DatasetError

    version: str = ""
    success: StrictBool
    accepted: int = 0
    refused: int = 0
    failed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refused_by_reason: Mapping[str, int] = field(default_factory=dict, compare=False)
    great_expectations: str = field(default="", compare=False)
    results: tuple[Mapping[str, object], ...] = field(default=(), compare=False)


def read_validation(lake: Lake, version: str) -> Validation | None:
    """Return what validation found in a version, None if the version was not validated.

    Raises DatasetError for a file that cannot be understood.
    """
    path = lake.version_path(version) / FILE
    return Validation.from_json(path.read_bytes()) if path.exists() else None


def write_validation(lake: Lake, validation: Validation) -> None:
    """Write validation.json into the folder of the version."""
    write_text(lake.version_path(validation.version) / FILE, validation.to_json())
