"""A registered detector with its number, run, tags and aliases."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from model.registry.run_files import FULL, INT8

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as Entity

PRODUCTION = "production"
PREVIOUS = "previous"
CANDIDATE = "candidate"
"""The aliases of versions."""


@dataclass(frozen=True)
class ModelVersion:
    """A registered detector; `version` is a number written as text, `run_id` is empty when a person registered it.

    `registered_at` is in seconds since the epoch.
    """

    name: str
    version: str
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    variant: str = FULL
    registered_at: float = 0.0

    @classmethod
    def read(cls, entity: "Entity") -> Self:
        """Convert MLflow's entity."""
        return cls(
            name=entity.name,
            version=str(entity.version),
            run_id=entity.run_id or "",
            tags=dict(entity.tags),
            aliases=tuple(entity.aliases),
            variant=INT8 if (entity.source or "").endswith(f"/{INT8}") else FULL,
            registered_at=(entity.creation_timestamp or 0) / 1000,
        )


def describe(aliases: Mapping[str, str], versions: Collection[str]) -> str:
    """Say which versions and aliases there are."""
    if not versions:
        return "nothing is registered under that name"
    named = ", ".join(f"{alias}={version}" for alias, version in sorted(aliases.items())) or "none"
    return f"its versions are {', '.join(sorted(versions, key=int))}, its aliases {named}"
