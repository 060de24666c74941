"""The model registry in MLflow: runs, registered versions, and which version is in production.

The only part that talks to MLflow. Start with `Registry`; `model.registry.promotion` changes production.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from model.errors import RegistryError
from model.processes import locked
from model.registry.client import MISSING, PRESENT, open_client, skipped_on, upsert
from model.registry.fetching import MOST_BYTES, fetch_artifact, fetch_file
from model.registry.run_files import FULL, INT8
from model.registry.runs import Run, create_run
from model.registry.version_tags import DATASET_VERSION
from model.registry.versions import CANDIDATE, PREVIOUS, PRODUCTION, ModelVersion, describe
from model.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as Entity

__all__ = [
    "CANDIDATE",
    "FULL",
    "INT8",
    "PREVIOUS",
    "PRODUCTION",
    "ModelVersion",
    "Registry",
    "Run",
    "connect",
]

_RUN_ID_LENGTH = 32
_TURN_SECONDS = 60
"""How long a caller waits for the lock. A promotion holds the lock during many requests."""


@dataclass(frozen=True)
class Registry:
    """The versions of one model and the runs of one experiment, on the MLflow server at `tracking_uri`.

    `lock` is a file shared by all processes that change production. Nothing is contacted before the first call. Every
    call raises RegistryUnavailable if the server does not answer, and RegistryError if the server refuses.
    `make_client` returns a client whose calls raise these errors.
    """

    tracking_uri: str
    _: KW_ONLY
    model_name: str
    lock: Path
    experiment: str
    make_client: Callable[[str], "MlflowClient"] = open_client

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's client, made on first use."""
        return self.make_client(self.tracking_uri)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock for registering versions and for changing production; raises LockHeld."""
        return locked(self.lock, seconds=_TURN_SECONDS)

    @contextmanager
    def run(
        self,
        name: str,
        *,
        params: Mapping[str, object],
        tags: Mapping[str, str] = MappingProxyType({}),
        run_id: str | None = None,
    ) -> Iterator[Run]:
        """Open a run to log to, a new one or the run `run_id`; the run ends FINISHED, or FAILED if the block raises."""
        run = Run(run_id or create_run(self.client, self.experiment, name), self.client)
        self.client.update_run(run.id, status="RUNNING")
        run.describe(params, tags)
        try:
            yield run
        except BaseException:
            with contextlib.suppress(RegistryError):  # the error that ended the block is the one to report
                self.client.set_terminated(run.id, "FAILED")
            raise
        self.client.set_terminated(run.id, "FINISHED")

    def read_file(self, run_id: str, artifact_file: str, *, most_bytes: int = MOST_BYTES) -> bytes | None:
        """Return the content of a file that was logged to a run, or None if the run has no such file.

        Raises RegistryError for a file of more than `most_bytes`.
        """
        return fetch_file(self.client, run_id, artifact_file, most_bytes=most_bytes)

    def read_files(self, run_id: str, names: Mapping[str, int]) -> dict[str, bytes]:
        """Return the content of the files in `names` that were logged to a run, by name; the run may lack some.

        `names` says how many bytes each may have; raises RegistryError for a larger one.
        """
        logged: set[str] = set()
        with skipped_on(*MISSING):
            logged = {entry.path for entry in self.client.list_artifacts(run_id)}
        found = {name: self.read_file(run_id, name, most_bytes=most) for name, most in names.items() if name in logged}
        return {name: content for name, content in found.items() if content is not None}

    def runs(self) -> Iterator[Run]:
        """Yield the runs of all experiments whose files the server keeps, also deleted ones, whose files stay.

        All experiments are read, because a renamed experiment would otherwise hide its runs.
        """
        from mlflow.entities import ViewType

        for experiment in _paged(partial(self.client.search_experiments, view_type=ViewType.ALL)):
            if self.client.keeps(experiment.artifact_location):  # type: ignore[attr-defined]  # of our own client
                search = partial(self.client.search_runs, [experiment.experiment_id], run_view_type=ViewType.ALL)
                yield from (Run(run.info.run_id, self.client) for run in _paged(search))

    def page_address(self, run_id: str, artifact_file: str, *, root: str) -> str:
        """Return the address at which MLflow's UI shows a file of a run; `root` is the address of the UI."""
        experiment = self.client.get_run(run_id).info.experiment_id
        return f"{root.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}/artifacts/{artifact_file}"

    def download(self, version_or_run_id: str, into: Path, *, variant: str = FULL) -> Path:
        """Download the artifact of a version or of a run into the folder `into`, and return the folder.

        `variant` chooses a variant of a run; a version is always of one variant. Raises ArtifactError if a file is
        missing or too large. `model.detectors.detector.Detector.load` checks the rest.
        """
        run_id = version_or_run_id
        if len(version_or_run_id) != _RUN_ID_LENGTH:
            version = self.require(version_or_run_id)
            run_id, variant = version.run_id, version.variant
        return fetch_artifact(self.client, run_id, variant, into)

    def register(
        self, run_id: str, *, tags: Mapping[str, str], variant: str = FULL, description: str = ""
    ) -> ModelVersion:
        """Register a variant of a run's artifact as a version of the model, or find the version that it already is.

        Either way `tags` are set on the version. A new version gets the `description`. Raises RegistryError if there is
        no such run.
        """
        with self.locked():
            registered = {version.variant: version.version for version in self._registered_from(run_id)}
            version = registered.get(variant)
            if version is None:
                version = self._create(run_id, variant, tags, description)
            else:
                self.tag(version, tags)
            return self.require(version)

    def find(self, run_id: str) -> ModelVersion | None:
        """Return the newest version that was registered from a run; None if there is none."""
        return self._newest(self._registered_from(run_id))

    def find_trained(self, dataset_version: str) -> ModelVersion | None:
        """Return the newest version that was trained on a dataset version, promoted or not; None if there is none."""
        return self._newest(self._listed(f" and tags.{DATASET_VERSION} = '{dataset_version}'"))

    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        """Return the version that an alias ("production") or a number ("3") stands for, None if there is none."""
        with skipped_on(*MISSING):
            if alias_or_version.isdecimal():
                return ModelVersion.read(self.client.get_model_version(self.model_name, alias_or_version))
            return ModelVersion.read(self.client.get_model_version_by_alias(self.model_name, alias_or_version))
        return None

    def require(self, alias_or_version: str) -> ModelVersion:
        """Return what `resolve` returns, but raise RegistryError, which lists versions and aliases, instead of None."""
        found = self.resolve(alias_or_version)
        if found is None:
            raise RegistryError(f"model '{self.model_name}' has no '{alias_or_version}': {self._describe()}")
        return found

    def versions(self) -> list[ModelVersion]:
        """Return all versions of the model, without their aliases."""
        return self._listed()

    def search(self, condition: str = "") -> "list[Entity]":
        """Return the versions that meet a condition, as MLflow's entities without their aliases."""
        return list(self.client.search_model_versions(f"name = '{self.model_name}'{condition}"))

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a version; other tags stay."""
        for key, value in tags.items():
            upsert(partial(self.client.set_model_version_tag, self.model_name, version, key, value))

    def set_alias(self, alias: str, version: str) -> None:
        """Let `alias` stand for `version`.

        For production use `model.registry.promotion.promote`: an alias that is set here counts as moved by hand.
        """
        self.client.set_registered_model_alias(self.model_name, alias, version)

    def _listed(self, condition: str = "") -> list[ModelVersion]:
        return [ModelVersion.read(entity) for entity in self.search(condition)]

    def _registered_from(self, run_id: str) -> list[ModelVersion]:
        return self._listed(f" and run_id = '{run_id}'")

    def _newest(self, found: Sequence[ModelVersion]) -> ModelVersion | None:
        # Asked for again by number, because a search returns versions without their aliases.
        return self.require(max(found, key=lambda version: int(version.version)).version) if found else None

    def _create(self, run_id: str, variant: str, tags: Mapping[str, str], description: str) -> str:
        client, name = self.client, self.model_name
        source = f"{client.get_run(run_id).info.artifact_uri}/{variant}"
        with skipped_on(PRESENT):
            client.create_registered_model(name)
        version = client.create_model_version(
            name, source, run_id, tags=dict(tags), description=description or None, await_creation_for=0
        )
        return str(version.version)

    def _describe(self) -> str:
        with skipped_on(*MISSING):
            aliases = self.client.get_registered_model(self.model_name).aliases
            return describe(aliases, [str(entity.version) for entity in self.search()])
        return describe({}, [])


def _paged(search: Callable[..., Any]) -> Iterator[Any]:
    """Yield what a search of MLflow finds, page by page."""
    token: str | None = ""
    while token is not None:
        page = search(page_token=token or None)
        yield from page
        token = page.token or None


def connect(settings: Settings) -> Registry:
    """Return the registry that `settings` name."""
    return Registry(
        settings.tracking_uri,
        model_name=settings.model_name,
        lock=settings.lock_path,
        experiment=settings.experiment,
    )
