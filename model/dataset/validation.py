"""Validation: what Great Expectations found of a dataset version, kept as validation.json in its folder."""

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
    """Whether a version may be trained on (`success`), the images accepted and refused, and what was found wrong.

    `failed` is what the version was refused for, `warnings` what refuses nothing. The remaining fields are for
    people, and do not count when two validations are compared. A file of an earlier release may lack any field but
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
    """Return what validation found of a version, None when it was not validated.

    Raises DatasetError for a file that cannot be understood.
    """
    path = lake.version_path(version) / FILE
    return Validation.from_json(path.read_bytes()) if path.exists() else None


def write_validation(lake: Lake, validation: Validation) -> None:
    """Write validation.json into the folder of the version."""
    write_text(lake.version_path(validation.version) / FILE, validation.to_json())
