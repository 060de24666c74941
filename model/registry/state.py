"""Reads what the registry says about production, and compares it with the history."""

from collections.abc import Mapping
from dataclasses import dataclass

from model.errors import RegistryError
from model.registry import PREVIOUS, PRODUCTION, Registry
from model.registry.client import MISSING, skipped_on
from model.registry.history import TAG, History, read
from model.registry.version_tags import GATE
from model.registry.versions import describe

STAGE = "Production"
ARCHIVED = "Archived"


@dataclass(frozen=True)
class RegistryState:
    """All that a change of production depends on, at one moment.

    `aliases` maps each alias to its version. `gates` and `stages` are by version.
    """

    aliases: Mapping[str, str]
    gates: Mapping[str, str]
    stages: Mapping[str, str]
    history: History

    @property
    def production(self) -> str | None:
        """The version that the alias `production` names."""
        return self.aliases.get(PRODUCTION)

    @property
    def previous(self) -> str | None:
        """The version that a rollback goes to."""
        return self.history.previous(self.stages)

    @property
    def staged(self) -> tuple[str, ...]:
        """The versions that the deprecated stage says are in production."""
        return tuple(version for version, stage in self.stages.items() if stage == STAGE)

    @property
    def moved_by_hand(self) -> tuple[str, str | None] | None:
        """What was moved, "alias" or "stage", and the version it was moved to; None if the history knows the move.

        A move of the stage counts only if exactly one other version has the stage.
        """
        recorded = self.history.production
        if self.production != recorded:
            return "alias", self.production
        others = [version for version in self.staged if version != recorded]
        return ("stage", others[0]) if len(others) == 1 else None

    @property
    def at_rest(self) -> bool:
        """Whether aliases and stages match the history, and its last change is marked as done."""
        if not self.history.changes:  # without a history, aliases and stages are not ours yet
            return self.moved_by_hand is None
        mirrored = self.staged == ((self.production,) if self.production else ())
        followed = self.aliases.get(PREVIOUS) == self.previous
        return self.history.done and self.moved_by_hand is None and followed and mirrored

    @property
    def can_be_finished(self) -> bool:
        """Whether the last change can be carried out: its version exists, and nobody has moved production since."""
        last = self.history.changes[-1]
        exists = last.to_version is None or last.to_version in self.stages
        return exists and self.production in (None, last.from_version, last.to_version)

    def require(self, alias_or_version: str) -> str:
        """Return the version that an alias or a number names; raises RegistryError, which lists what exists."""
        version = self.aliases.get(alias_or_version, alias_or_version)
        if version not in self.stages:
            kind = "version" if version.isdecimal() else "alias"
            deleted = ", it was deleted" if self.history.has_served(version) else ""
            raise RegistryError(f"there is no {kind} '{version}'{deleted}: {self}")
        return version

    def __str__(self) -> str:
        return describe(self.aliases, self.stages)


def look(registry: Registry) -> RegistryState:
    """Read the registry; changes nothing."""
    with skipped_on(*MISSING):
        model = registry.client.get_registered_model(registry.model_name)
        versions = registry.search()
        return RegistryState(
            aliases={alias: str(version) for alias, version in model.aliases.items()},
            gates={str(entity.version): entity.tags.get(GATE, "") for entity in versions},
            stages={str(entity.version): entity.current_stage or "" for entity in versions},
            history=read(registry, model.tags.get(TAG)) or History(""),
        )
    return RegistryState({}, {}, {}, History(""))
