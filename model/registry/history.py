"""Stores every change of production, in order, as parameters of one MLflow run.

A parameter of a run can be written once and never changed, so of two writers only one succeeds. The history therefore
has no gaps or branches, even if promoters share no lock. Each change is written before aliases and stages move. So the
last change says what production has to be.
"""

import dataclasses
import getpass
import re
import socket
import uuid
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, Self

from pydantic import TypeAdapter, ValidationError

from model.errors import RegistryError, in_one_line
from model.registry import Registry
from model.registry.client import MISSING, skipped_on
from model.registry.runs import create_run

TAG = "history"
"""Tag of the registered model: the id of the run that holds its history."""

NOTE = "Every change of production, written by Truegrain. Do not delete: `python -m model.registry history` reads it."
LONGEST_REASON = 2_000
LONGEST_NAME = 300
"""Characters of a reason, and of who or what asked. MLflow would cut a parameter, and so its JSON, at 6,000, and JSON
takes two for a quote, six for what cannot be printed."""

How = Literal["promotion", "override", "rollback", "by hand"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of production; a version is None if nothing is in production. `at` is a time in UTC (ISO 8601).

    An override is a promotion against the gate. `request` identifies what asked for the change, such as a DAG run.
    `nonce` makes two equal changes of two writers differ.
    """

    number: int
    how: How
    from_version: str | None
    to_version: str | None
    reason: str
    by: str
    request: str = ""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def key(self) -> str:
        """Name of the parameter that holds the change."""
        return f"{self.number:06d}"

    @property
    def done_key(self) -> str:
        """Name of the parameter that says that aliases and stages match the change."""
        return f"{self.key}.done"


@dataclass(frozen=True)
class History:
    """All changes, the oldest first; `done` is false while aliases and stages may not match the last change."""

    run_id: str
    changes: tuple[Change, ...] = ()
    done: bool = True

    @property
    def production(self) -> str | None:
        """The version that has to be in production, None for none."""
        return self.changes[-1].to_version if self.changes else None

    def previous(self, existing: Container[str]) -> str | None:
        """Return the last of the `existing` versions in production before the current one; None if there is none."""
        served = (change.from_version for change in reversed(self.changes))
        return next((v for v in served if v is not None and v != self.production and v in existing), None)

    def has_served(self, version: str) -> bool:
        """Return whether `version` has been in production."""
        return any(version in (change.from_version, change.to_version) for change in self.changes)

    def has_carried_out(self, request: str) -> bool:
        """Return whether a change was made for `request`; False for an empty one."""
        wanted = _fit(request, LONGEST_NAME)
        return wanted != "" and any(change.request == wanted for change in self.changes)

    def follow(self, how: How, to_version: str | None, *, reason: str, by: str = "", request: str = "") -> Change:
        """Return the next change, which puts `to_version` into production."""
        return Change(
            number=len(self.changes) + 1,
            how=how,
            from_version=self.production,
            to_version=to_version,
            reason=_fit(reason, LONGEST_REASON),
            by=_fit(by or _whoami(), LONGEST_NAME),
            request=_fit(request, LONGEST_NAME),
        )

    def extended(self, change: Change) -> Self:
        """Return the history with one more change, which is yet to be carried out."""
        return dataclasses.replace(self, changes=(*self.changes, change), done=False)


_CHANGE = TypeAdapter(Change)
_KEY: Final = re.compile("[0-9]{6}")


def read(registry: Registry, run_id: str | None) -> History | None:
    """Read the history in the run `run_id`; None if there is no such run.

    Raises RegistryError if the run was deleted, or if somebody else has written to the run.
    """
    if run_id is None:
        return None
    with skipped_on(*MISSING):
        run = registry.client.get_run(run_id)
        if run.info.lifecycle_stage != "active":
            raise RegistryError(
                f"run {run_id}, the history of promotions, was deleted: `mlflow runs restore --run-id {run_id}` first"
            )
        found = sorted((key, text) for key, text in run.data.params.items() if _KEY.fullmatch(key))
        changes = tuple(_parse(run_id, number, *param) for number, param in enumerate(found, start=1))
        return History(run.info.run_id, changes, done=not changes or changes[-1].done_key in run.data.params)
    return None


def begin(registry: Registry) -> History:
    """Begin the history of a model that has none."""
    client, name = registry.client, registry.model_name
    note = {"mlflow.note.content": NOTE}
    run_id = create_run(client, f"{registry.experiment}-history", f"promotions of {name}", note)
    client.set_terminated(run_id)
    client.set_registered_model_tag(name, TAG, run_id)
    return History(run_id)


def append(registry: Registry, history: History, change: Change) -> bool:
    """Write the change that follows `history`; False if somebody else has written another change with that number."""
    try:
        registry.client.log_param(history.run_id, change.key, _CHANGE.dump_json(change).decode())
    except RegistryError:
        latest = read(registry, history.run_id)
        if latest is None or len(latest.changes) < change.number:
            raise
        return latest.changes[change.number - 1] == change
    return True


def mark_done(registry: Registry, history: History) -> None:
    """Record that aliases and stages match the last change."""
    registry.client.log_param(history.run_id, history.changes[-1].done_key, "yes")


def _fit(text: str, most: int) -> str:
    return in_one_line(text)[:most]


def _parse(run_id: str, number: int, key: str, text: str) -> Change:
    """Return the change of that `number`; RegistryError for a parameter that no promotion of ours has written."""
    change: Change | None = None
    with suppress(ValidationError):
        change = _CHANGE.validate_json(text)
    if change is None or not key == change.key == f"{number:06d}":
        raise RegistryError(
            f"the history of promotions cannot be believed: parameter {key} of run {run_id} is not change {number}."
            f" Somebody else wrote to the run: look who. Then delete the tag '{TAG}' of the registered model in MLflow:"
            " the next change begins a new history with what is in production"
        )
    return change


def _whoami() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
