"""Versions: the detectors that were registered, under their numbers, tags and aliases."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from model.detectors import artifact
from model.errors import RegistryError
from model.registry.client import MISSING, PRESENT, Connection, skipped_on, upsert
from model.registry.mlflow_model import pack
from model.registry.runs import Run

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as Entity

PRODUCTION = "production"
PREVIOUS = "previous"
CANDIDATE = "candidate"

FULL = "detector"
INT8 = "detector-int8"
"""The variants of a run's artifact, each under its own name in the run: as trained, and with 8-bit weights."""

RUN_ID_LENGTH = 32


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


def resolve(connection: Connection, alias_or_version: str) -> ModelVersion | None:
    """Return the version that an alias or a number stands for."""
    client, name = connection.client, connection.model_name
    with skipped_on(*MISSING):
        if alias_or_version.isdecimal():
            return to_version(client.get_model_version(name, alias_or_version))
        return to_version(client.get_model_version_by_alias(name, alias_or_version))
    return None


def require(connection: Connection, alias_or_version: str) -> ModelVersion:
    """Return what `resolve` does; raises RegistryError, with what there is, for None."""
    found = resolve(connection, alias_or_version)
    if found is None:
        raise RegistryError(
            f"model '{connection.model_name}' has no '{alias_or_version}': {_describe_model(connection)}"
        )
    return found


def find(connection: Connection, run_id: str) -> ModelVersion | None:
    """Return the version that was registered from a run, the newest when several of its variants were."""
    return _newest(connection, _find_all(connection, run_id))


def find_trained(connection: Connection, dataset_version: str) -> ModelVersion | None:
    """Return the newest version that was trained on a dataset version, as its tag says."""
    found = search(connection, f" and tags.dataset_version = '{dataset_version}'")
    return _newest(connection, [to_version(entity) for entity in found])


def list_all(connection: Connection) -> list[ModelVersion]:
    """Return all versions, without their aliases."""
    return [to_version(entity) for entity in search(connection)]


def register(connection: Connection, run_id: str, *, tags: Mapping[str, str], variant: str) -> ModelVersion:
    """Make a variant of a run's artifact a version, with its tags from the first; tag it when it is one already."""
    registered = {version.variant: version.version for version in _find_all(connection, run_id)}
    version = registered.get(variant)
    if version is None:
        version = _create(connection, run_id, variant, tags)
    else:
        tag(connection, version, tags)
    return require(connection, version)


def tag(connection: Connection, version: str, tags: Mapping[str, str]) -> None:
    """Set tags of a version; other tags stay."""
    for key, value in tags.items():
        upsert(partial(connection.client.set_model_version_tag, connection.model_name, version, key, value))


def log_artifact(run: Run, folder: Path, variant: str) -> None:
    """Log the artifact in `folder` to a run under the name of its variant."""
    with tempfile.TemporaryDirectory() as aside:
        packed = Path(aside) / variant
        pack(folder, packed)
        run.log_folder(packed, variant)


def download(connection: Connection, version_or_run_id: str, into: Path, variant: str) -> Path:
    """Fetch the files of a version's artifact, or of a variant of a run's, into `into` and return that folder."""
    run_id = version_or_run_id
    if len(version_or_run_id) != RUN_ID_LENGTH:
        version = require(connection, version_or_run_id)
        run_id, variant = version.run_id, version.variant
    into.mkdir(parents=True, exist_ok=True)
    for name in artifact.FILES:
        connection.client.download_artifacts(run_id, f"{variant}/{name}", str(into))
    with skipped_on(*MISSING):  # an artifact without one can be served, its traffic compared with nothing
        connection.client.download_artifacts(run_id, f"{variant}/{artifact.REFERENCE}", str(into))
    return into


def to_version(entity: "Entity") -> ModelVersion:
    """Take what is ours from MLflow's entity."""
    return ModelVersion(
        name=entity.name,
        version=str(entity.version),
        run_id=entity.run_id or "",
        tags=dict(entity.tags),
        aliases=tuple(entity.aliases),
        variant=INT8 if (entity.source or "").endswith(f"/{INT8}") else FULL,
        registered_at=(entity.creation_timestamp or 0) / 1000,
    )


def search(connection: Connection, condition: str = "") -> list["Entity"]:
    """Return all versions of the model, as MLflow's entities without their aliases."""
    return list(connection.client.search_model_versions(f"name = '{connection.model_name}'{condition}"))


def _newest(connection: Connection, found: Sequence[ModelVersion]) -> ModelVersion | None:
    # Asked for again by number, because a search returns versions without their aliases.
    return require(connection, max(found, key=lambda version: int(version.version)).version) if found else None


def _find_all(connection: Connection, run_id: str) -> list[ModelVersion]:
    return [to_version(entity) for entity in search(connection, f" and run_id = '{run_id}'")]


def _create(connection: Connection, run_id: str, variant: str, tags: Mapping[str, str]) -> str:
    client, name = connection.client, connection.model_name
    source = f"{client.get_run(run_id).info.artifact_uri}/{variant}"
    with skipped_on(PRESENT):
        client.create_registered_model(name)
    return str(client.create_model_version(name, source, run_id, tags=dict(tags), await_creation_for=0).version)


def _describe_model(connection: Connection) -> str:
    with skipped_on(*MISSING):
        aliases = connection.client.get_registered_model(connection.model_name).aliases
        versions = sorted(int(entity.version) for entity in search(connection))
        return describe(aliases, versions)
    return "nothing is registered under that name"


def describe(aliases: Mapping[str, str], versions: list[int]) -> str:
    """Say which versions and aliases there are."""
    named = ", ".join(f"{alias}={version}" for alias, version in sorted(aliases.items())) or "none"
    return f"its versions are {', '.join(map(str, versions)) or 'none'}, its aliases {named}"
