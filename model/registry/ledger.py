"""Counts the decisions of the gate against each version in production, so that trying often does not help.

The entries are parameters of the run that holds the history. A parameter is written once, so of two writers that take
the same number only one succeeds, and the other takes the next.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from model.errors import RegistryError
from model.registry import Registry
from model.registry import history as histories
from model.registry.state import look

_ATTEMPTS: Final = 10
"""How often a writer that loses the race for a number tries again."""


@dataclass(frozen=True)
class Entry:
    """A decision: about the run `run_id`, by the images and limits whose hash is `about`."""

    run_id: str
    about: str


_ENTRY = TypeAdapter(Entry)


def enter(registry: Registry, champion: str, entry: Entry) -> int:
    """Enter a decision against version `champion`, and return its number, from 1.

    The same entry keeps its number. Raises RegistryError if the history was deleted, or if somebody else has written to
    the ledger.
    """
    with registry.locked():
        history = look(registry).history
        run_id = history.run_id or histories.begin(registry).run_id
        for _ in range(_ATTEMPTS):
            entries = _read(registry, run_id, champion)
            if entry in entries:
                return entries.index(entry) + 1
            try:
                registry.client.log_param(run_id, _key(champion, len(entries) + 1), _ENTRY.dump_json(entry).decode())
            except RegistryError:
                if len(_read(registry, run_id, champion)) == len(entries):
                    raise
    raise RegistryError("processes without our lock keep deciding: find and stop them, and try again")


def _read(registry: Registry, run_id: str, champion: str) -> list[Entry]:
    params = registry.client.get_run(run_id).data.params
    prefix = _key(champion, 0)[:-6]
    found = sorted((key, text) for key, text in params.items() if key.startswith(prefix))
    try:
        entries = [_ENTRY.validate_json(text) for _, text in found]
    except ValidationError:
        entries = []
    if [key for key, _ in found] != [_key(champion, number) for number in range(1, len(entries) + 1)]:
        raise RegistryError(
            f"the ledger of decisions against version {champion} cannot be believed: somebody else wrote the parameters"
            f" {prefix}... of run {run_id}. Look who, and promote another version, which begins a ledger of its own"
        )
    return entries


def _key(champion: str, number: int) -> str:
    return f"decision.{champion}.{number:06d}"
