"""How a detector came about: a file beside its artifact, which the follower writes and GET /model shows."""

from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from model.evaluation.gate.rule import Rule
from service.status.files import read_file, write_file

FILE: Final = "lineage.json"


class Validation(BaseModel):
    """What validation said of the dataset version."""

    model_config = ConfigDict(frozen=True)

    success: bool = Field(description="Whether the version may be trained on")
    accepted: int = Field(description="Images accepted")
    refused: int = Field(description="Images left out, with a reason each, in the lake's quarantine")
    warnings: list[str] = Field(description="Warnings of the validation, a sentence each")


class Lineage(BaseModel):
    """The way from the version in service back to the images and the code it was made from."""

    model_config = ConfigDict(frozen=True)

    dag_run_id: str | None = Field(description="Airflow's run of retrain_detector; null: made by hand")
    gate: str | None = Field(
        description="What the gate said: 'passed', 'failed', 'asked' (a person), or 'overridden' by one"
    )
    gate_reason: str | None = Field(description="Why the gate said so, in one line")
    gate_champion: str | None = Field(description="The version that the gate compared it with, or 'none'")
    gate_lines: list[Rule] = Field(description="Every rule of the gate; empty when the gate was not asked")
    promotion_reason: str | None = Field(description="Why the version was last put into production")
    promoted_at: datetime | None = Field(description="When the version was last put into production")
    validation: Validation | None = Field(
        description="Validation of its dataset version; null: none, or the lake is out of reach"
    )


def write_lineage(folder: Path, lineage: Lineage) -> None:
    """Write the lineage beside the artifact in `folder`; it replaces an earlier one."""
    write_file(folder / FILE, lineage)


def read_lineage(folder: Path) -> Lineage | None:
    """Return the lineage in `folder`; None when there is no file yet, or when it cannot be read."""
    return read_file(folder / FILE, Lineage)
