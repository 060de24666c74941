"""The model registry: what runs have found, which detectors there are, and which of them is in production.

The only part that talks to MLflow. `Registry` is all that others need of it.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from model.registry import promotion, runs, state, versions
from model.registry.client import CLIENT_ENVIRONMENT, Connection, translated
from model.registry.history import Change
from model.registry.promotion import FAILED, NOTHING, OVERRIDDEN, PASSED
from model.registry.runs import Run
from model.registry.versions import CANDIDATE, FULL, INT8, PREVIOUS, PRODUCTION, ModelVersion
from model.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "CANDIDATE",
    "FAILED",
    "FULL",
    "INT8",
    "NOTHING",
    "OVERRIDDEN",
    "PASSED",
    "PREVIOUS",
    "PRODUCTION",
    "Change",
    "ModelVersion",
    "Registry",
    "Run",
    "connect",
]


class Registry:
    """The model registry at `tracking_uri`. `lock` is a file shared by all who change which version is in production.

    Nothing is contacted before the first call. Every method raises RegistryUnavailable when the registry does not
    answer and RegistryError when it refuses. The aliases are the truth; the stages that MLflow has deprecated mirror
    them for tools that still read stages.

    Promoters on one host, or on hosts that open the same lock file, come one after the other. Where there is no common
    lock the history is still one line without gaps and production ends as its last entry says; only a host that stalls
    in the middle of a change, and dies before it looks again, can move production late, which is then found and
    recorded like a move by hand.
    """

    def __init__(self, tracking_uri: str, *, model_name: str, lock: Path, experiment: str) -> None:
        for variable, value in CLIENT_ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        self._connection = Connection(tracking_uri, model_name, lock, experiment)

    def run(
        self,
        name: str,
        *,
        params: Mapping[str, object],
        tags: Mapping[str, str] = MappingProxyType({}),
        run_id: str | None = None,
    ) -> AbstractContextManager[Run]:
        """Open a run to log to, a new one or that of `run_id`; it ends FINISHED, or FAILED when the block raises."""
        return runs.open_run(self._connection, name, params=params, tags=tags, run_id=run_id)

    @translated()
    def log_artifact(self, run: Run, folder: Path, *, variant: str = FULL) -> None:
        """Log the artifact in `folder` with what `mlflow models serve` needs; ArtifactError when it is broken."""
        versions.log_artifact(run, folder, variant)

    @translated()
    def read_file(self, run_id: str, artifact_file: str) -> bytes | None:
        """Return a file that was logged to a run, or None when the run has none of that name."""
        return runs.read_file(self._client, run_id, artifact_file)

    @translated()
    def page_address(self, run_id: str, artifact_file: str, *, root: str) -> str:
        """Return where MLflow, which a browser finds at `root`, shows a file of a run."""
        return runs.page_address(self._client, run_id, artifact_file, root)

    @translated()
    def download(self, version_or_run_id: str, into: Path, *, variant: str = FULL) -> Path:
        """Fetch the files of an artifact, that of a version or of a run, into `into` and return that folder.

        `variant` chooses among those of a run; a version is the one it was registered with. Nothing is checked here;
        `model.detectors.detector.Detector.load` does.
        """
        return versions.download(self._connection, version_or_run_id, into, variant)

    @translated()
    def register(self, run_id: str, *, tags: Mapping[str, str], variant: str = FULL) -> ModelVersion:
        """Make a variant of a run's artifact a version of the model; one that is registered already keeps its version.

        Raises RegistryError when there is no such run.
        """
        with self._connection.locked():
            return versions.register(self._connection, run_id, tags=tags, variant=variant)

    @translated()
    def find(self, run_id: str) -> ModelVersion | None:
        """Return the version that was registered from a run, the newest when several of its variants were."""
        return versions.find(self._connection, run_id)

    @translated()
    def find_trained(self, dataset_version: str) -> ModelVersion | None:
        """Return the newest version that was trained on a dataset version, None when none was."""
        return versions.find_trained(self._connection, dataset_version)

    @translated()
    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        """Return the version that an alias ("production") or a number ("3") stands for."""
        return versions.resolve(self._connection, alias_or_version)

    @translated()
    def versions(self) -> list[ModelVersion]:
        """Return all versions of the model, without their aliases."""
        return versions.list_all(self._connection)

    @translated()
    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a version; other tags stay."""
        versions.tag(self._connection, version, tags)

    @translated()
    def set_alias(self, alias: str, version: str) -> None:
        """Let `alias` stand for `version`. For production use `promote`: this would be taken for a move by hand."""
        self._client.set_registered_model_alias(self._connection.model_name, alias, version)

    @translated()
    def promote(
        self, version: str, *, reason: str, by: str = "", override: bool = False, judged_against: str | None = None
    ) -> ModelVersion:
        """Put `version`, a number or an alias, into production and remember the one it replaces as 'previous'.

        The gate must have passed it, unless `override`, which the tag `gate` and the history then say. With
        `judged_against` (a version, "none" for nothing) it must still be that which is in production. `by` is who wants
        it, this process's user when empty. Promoting what is in production changes nothing. Killed half-way, the next
        promotion, rollback or repair completes it.
        """
        choose = partial(promotion.choose_promotion, version=version, override=override, judged_against=judged_against)
        return versions.require(self._connection, promotion.change(self._connection, choose, reason=reason, by=by))

    @translated()
    def rollback(self, *, reason: str, to: str | None = None, by: str = "") -> ModelVersion:
        """Put the version that was in production before, or `to`, back; 'previous' becomes what it replaces.

        `to` is a number or an alias. When the one before was deleted it is the one before that. Raises RegistryError
        when there is no such version, or when `to` neither was in production nor passed the gate. When it is in
        production already nothing changes.
        """
        choose = partial(promotion.choose_rollback, to=to)
        return versions.require(self._connection, promotion.change(self._connection, choose, reason=reason, by=by))

    @translated()
    def repair(self) -> None:
        """Finish a change of production that was cut short, and write down one that was made by hand in MLflow."""
        with self._connection.locked():
            promotion.mend(self._connection)

    @translated()
    def history(self) -> tuple[Change, ...]:
        """Return every change of production, the first first; moves by hand since the last one are not in it yet."""
        return state.look(self._connection).history.changes

    @property
    def _client(self) -> "MlflowClient":
        return self._connection.client


def connect(settings: Settings) -> Registry:
    """Return the registry that `settings` name."""
    return Registry(
        settings.tracking_uri,
        model_name=settings.model_name,
        lock=settings.lock_path,
        experiment=settings.experiment,
    )
