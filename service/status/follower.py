"""The outcome of the follower's last poll of the registry, in a file that the workers read for GET /health."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.status.files import read_file, write_file
from service.status.pointer import Alias

Outcome = Literal["current", "switched", "absent", "refused", "unavailable"]


class FollowerStatus(BaseModel):
    """The outcome of the follower's last poll of the registry."""

    model_config = ConfigDict(frozen=True)

    asked_at: datetime = Field(description="When the follower asked")
    production: Outcome = Field(description="Outcome for the alias 'production'")
    shadow: Outcome = Field(description="Outcome for the alias 'shadow'")


def write_status(home: Path, outcomes: Mapping[Alias, Outcome]) -> None:
    """Write the outcomes of a poll that has just ended."""
    status = FollowerStatus(asked_at=datetime.now(UTC), production=outcomes["production"], shadow=outcomes["shadow"])
    write_file(_path(home), status)


def read_status(home: Path) -> FollowerStatus | None:
    """Return what the follower wrote last; None when there is no file yet, or when it cannot be read."""
    return read_file(_path(home), FollowerStatus)


def _path(home: Path) -> Path:
    return home / "run" / "follower.json"
