"""Registry: log, register, promote, roll back, resolve and download detectors; the only module that talks to MLflow."""

import contextlib
import functools
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout

from model import artifact
from model.errors import RegistryError, RegistryUnavailable
from model.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as Entity

PRODUCTION = "production"
PREVIOUS = "previous"
CANDIDATE = "candidate"
FULL = "detector"
INT8 = "detector-int8"
"""The variants of a run's artifact, each under its own name in the run: as trained, and with 8-bit weights."""

CLIENT_ENVIRONMENT = {
    # A registry that is down is noticed within 10 s (2 requests of 4 s and a pause), not after MLflow's 4 minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""How MLflow's client behaves here; it reads nothing but variables, and those already set win."""

_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""No such run, version or file; the second is how MLflow reports an alias that nobody has set."""
_PRESENT = "RESOURCE_ALREADY_EXISTS"

RUN_ID_LENGTH = 32
LOCK_SECONDS = 60


@dataclass(frozen=True)
class ModelVersion:
    """A registered detector; `version` is a number written as text, `run_id` is empty when a person registered it."""

    name: str
    version: str
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    variant: str = FULL


@contextmanager
def _translated() -> Iterator[None]:
    """Turn MLflow's errors into RegistryUnavailable (no answer) or RegistryError (any other answer than hoped for)."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield
    except (MlflowException, RequestException) as error:
        if _is_silence(error):
            raise RegistryUnavailable(f"the model registry does not answer: {error}") from error
        raise RegistryError(f"the model registry refused: {error}") from error


def _is_silence(error: Exception) -> bool:
    """Tell a request that nobody answered properly, by what MLflow's own error hides, from one that was refused."""
    from requests import HTTPError, RequestException

    hidden = error if isinstance(error, RequestException) else error.__cause__ or error.__context__
    return isinstance(hidden, RequestException) and not isinstance(hidden, HTTPError)


@contextmanager
def _skipped_on(*error_codes: str) -> Iterator[None]:
    """Leave the block silently when the server answers with one of these codes."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in error_codes:
            raise


@dataclass(frozen=True)
class Run:
    """A run of an experiment that can be logged to; made by `Registry.run`."""

    id: str
    client: "MlflowClient"

    @_translated()
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers, of one epoch when `step` is given."""
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        self.client.log_batch(self.id, metrics=[Metric(k, float(v), now, step or 0) for k, v in metrics.items()])

    @_translated()
    def log_dataset(
        self, name: str, *, digest: str, source: str, schema: pa.Schema, profile: Mapping[str, object]
    ) -> None:
        """Log a dataset as an input of the run: where it lies (`source`, a URL) and what it holds, in numbers.

        Logging the same `name` and `digest` again changes nothing.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        protocol, separator, _ = source.partition("://")
        dataset = Dataset(
            name=name,
            digest=digest,
            source_type=protocol if separator else "local",
            source=json.dumps({"uri": source}),
            schema=json.dumps({"mlflow_colspec": [_describe_column(field) for field in schema]}),
            profile=json.dumps(dict(profile)),
        )
        self.client.log_inputs(self.id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    @_translated()
    def log_folder(self, path: Path, artifact_path: str | None = None) -> None:
        """Log the content of a folder under `artifact_path`."""
        self.client.log_artifacts(self.id, str(path), artifact_path)

    @_translated()
    def log_dict(self, content: Mapping[str, object], artifact_file: str) -> None:
        """Log JSON under the name `artifact_file`."""
        self.client.log_dict(self.id, dict(content), artifact_file)


class Registry:
    """The model registry at `tracking_uri`. `lock` is a file shared by all who change which version is in production.

    Nothing is contacted before the first call. Every method raises RegistryUnavailable when the registry does not
    answer and RegistryError when it refuses. The aliases are the truth; the stages that MLflow has deprecated mirror
    them for tools that still read stages.
    """

    def __init__(self, tracking_uri: str, *, model_name: str, lock: Path, experiment: str = "truegrain") -> None:
        for variable, value in CLIENT_ENVIRONMENT.items():  # now, for telemetry starts when mlflow is first imported
            os.environ.setdefault(variable, value)
        self._tracking_uri = tracking_uri
        self._name = model_name
        self._lock = lock
        self._experiment = experiment

    @contextmanager
    def run(
        self,
        name: str,
        *,
        params: Mapping[str, object],
        tags: Mapping[str, str] = MappingProxyType({}),
        run_id: str | None = None,
    ) -> Iterator[Run]:
        """Open a run to log to, a new one or that of `run_id`; it ends FINISHED, or FAILED when the block raises."""
        with _translated():
            run = Run(run_id or self._create_run(name), self._client)
            self._client.update_run(run.id, status="RUNNING")
            self._describe_run(run, params, tags)
        try:
            yield run
        except BaseException:
            with contextlib.suppress(RegistryError), _translated():  # what ended the block is the error to report
                self._client.set_terminated(run.id, "FAILED")
            raise
        with _translated():
            self._client.set_terminated(run.id, "FINISHED")

    @_translated()
    def log_artifact(self, run: Run, folder: Path, *, variant: str = FULL) -> None:
        """Log the artifact in `folder` with what `mlflow models serve` needs; ArtifactError when it is broken."""
        card = artifact.read(folder)
        with tempfile.TemporaryDirectory() as aside:
            packed = Path(aside) / variant
            _pack(folder, packed, size=card.preprocess["size"])
            self._client.log_artifacts(run.id, str(packed), variant)

    @_translated()
    def read_file(self, run_id: str, artifact_file: str) -> bytes | None:
        """Return a file that was logged to a run, or None when the run has none of that name."""
        with tempfile.TemporaryDirectory() as aside, _skipped_on(*_MISSING):
            return Path(self._client.download_artifacts(run_id, artifact_file, aside)).read_bytes()
        return None

    @_translated()
    def download(self, version_or_run_id: str, into: Path, *, variant: str = FULL) -> Path:
        """Fetch model.onnx, card.json and golden.npz of a version or of a run into `into` and return that folder.

        `variant` chooses among those of a run; a version is the one it was registered with. Nothing is checked here;
        `model.detector.Detector.load` does.
        """
        run_id = version_or_run_id
        if len(version_or_run_id) != RUN_ID_LENGTH:
            version = self._require(version_or_run_id)
            run_id, variant = version.run_id, version.variant
        into.mkdir(parents=True, exist_ok=True)
        for name in artifact.FILES:
            self._client.download_artifacts(run_id, f"{variant}/{name}", str(into))
        return into

    @_translated()
    def register(self, run_id: str, *, tags: Mapping[str, str], variant: str = FULL) -> ModelVersion:
        """Make a variant of a run's artifact a version of the model; one that is registered already keeps its version.

        Raises RegistryError when there is no such run.
        """
        with self._locked():
            registered = {version.variant: version.version for version in self._find_all(run_id)}
            version = registered.get(variant) or self._create_version(run_id, variant)
            self.tag(version, tags)
            return self._require(version)

    @_translated()
    def find(self, run_id: str) -> ModelVersion | None:
        """Return the version that was registered from a run, the newest when several of its variants were."""
        found = self._find_all(run_id)
        # Asked for again by number, because a search returns versions without their aliases.
        return self._require(max(found, key=lambda version: int(version.version)).version) if found else None

    @_translated()
    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        """Return the version that an alias ("production") or a number ("3") stands for."""
        with _skipped_on(*_MISSING):
            if alias_or_version.isdecimal():
                return _to_version(self._client.get_model_version(self._name, alias_or_version))
            return _to_version(self._client.get_model_version_by_alias(self._name, alias_or_version))
        return None

    @_translated()
    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a version; other tags stay."""
        for key, value in tags.items():
            self._client.set_model_version_tag(self._name, version, key, value)

    @_translated()
    def set_alias(self, alias: str, version: str) -> None:
        """Let `alias` stand for `version`. For production use `promote`, which keeps the history right."""
        self._client.set_registered_model_alias(self._name, alias, version)

    @_translated()
    def promote(self, version: str, *, reason: str) -> ModelVersion:
        """Put `version` into production and remember the one it replaces as 'previous'.

        Promoting what is in production changes nothing. Killed half-way, a second call completes the first: each step
        can be repeated, and the stage, the last one, is set on every call.
        """
        with self._locked():
            self._require(version)
            current = self.resolve(PRODUCTION)
            if current is None or current.version != version:
                self.tag(version, {"promotion_reason": reason, "promoted_at": _now()})
                if current is not None:
                    self.set_alias(PREVIOUS, current.version)
                self.set_alias(PRODUCTION, version)
            self._mirror_stage(version)
            return self._require(version)

    @_translated()
    def rollback(self, *, reason: str, to: str | None = None) -> ModelVersion:
        """Put the previous version, or version `to`, back into production; 'previous' becomes the one it replaces.

        Raises RegistryError when there is no such version. When it is in production already nothing changes.
        """
        with self._locked():
            target = self._require(to or PREVIOUS)
            current = self.resolve(PRODUCTION)
            if current is None or current.version != target.version:
                self.tag(target.version, {"promotion_reason": f"rollback: {reason}", "promoted_at": _now()})
                # Production first, other than in `promote`: a rollback that is cut short must have taken effect.
                self.set_alias(PRODUCTION, target.version)
                if current is not None:
                    self.set_alias(PREVIOUS, current.version)
                    self.tag(current.version, {"rollback_reason": reason, "rolled_back_at": _now()})
            self._mirror_stage(target.version)
            return self._require(target.version)

    @functools.cached_property
    def _client(self) -> "MlflowClient":
        from mlflow import MlflowClient

        return MlflowClient(self._tracking_uri, registry_uri=self._tracking_uri)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._lock)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout as error:
            raise RegistryError(f"another process has held {self._lock} for {LOCK_SECONDS} s; try again") from error
        with lock:
            yield

    def _create_run(self, name: str) -> str:
        with _skipped_on(_PRESENT):
            self._client.create_experiment(self._experiment)
        experiment = self._client.get_experiment_by_name(self._experiment)
        if experiment is None:
            raise RegistryError(f"experiment '{self._experiment}' was deleted while a run was being created; try again")
        return str(self._client.create_run(experiment.experiment_id, run_name=name).info.run_id)

    def _describe_run(self, run: Run, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag

        self._client.log_batch(
            run.id,
            params=[Param(key, str(value)) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )

    def _find_all(self, run_id: str) -> list[ModelVersion]:
        found = self._client.search_model_versions(f"name = '{self._name}' and run_id = '{run_id}'")
        return [_to_version(entity) for entity in found]

    def _create_version(self, run_id: str, variant: str) -> str:
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{variant}"
        with _skipped_on(_PRESENT):
            self._client.create_registered_model(self._name)
        return str(self._client.create_model_version(self._name, source, run_id, await_creation_for=0).version)

    def _require(self, alias_or_version: str) -> ModelVersion:
        found = self.resolve(alias_or_version)
        if found is None:
            raise RegistryError(f"model '{self._name}' has no '{alias_or_version}': {self._describe()}")
        return found

    def _describe(self) -> str:
        with _skipped_on(*_MISSING):
            aliases = self._client.get_registered_model(self._name).aliases
            versions = sorted(int(v.version) for v in self._client.search_model_versions(f"name = '{self._name}'"))
            named = ", ".join(f"{alias}={version}" for alias, version in sorted(aliases.items())) or "none"
            return f"its versions are {', '.join(map(str, versions)) or 'none'}, its aliases {named}"
        return "nothing is registered under that name"

    def _mirror_stage(self, version: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated; we mirror them on purpose
            self._client.transition_model_version_stage(
                self._name, version, "Production", archive_existing_versions=True
            )


def connect(settings: Settings) -> Registry:
    """Return the registry that `settings` name; all who share `settings.home` share its lock."""
    lock = settings.home / "registry.lock"
    return Registry(settings.tracking_uri, model_name=settings.model_name, lock=lock)


def _pack(folder: Path, packed: Path, *, size: int) -> None:
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    pixels = TensorSpec(np.dtype(np.uint8), (-1, size, size, 3), "pixels")
    probability = TensorSpec(np.dtype(np.float32), (-1,), "probability")
    cam = TensorSpec(np.dtype(np.float32), (-1, -1, -1), "cam")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # MLflow 3.17 warns about its own type hints on the first save
        mlflow.onnx.save_model(
            onnx.load(folder / artifact.MODEL, load_external_data=False),
            packed,
            signature=ModelSignature(Schema([pixels]), Schema([probability, cam])),
            pip_requirements=[f"{name}=={installed_version(name)}" for name in ("mlflow", "onnx", "onnxruntime")],
            onnx_execution_providers=["CPUExecutionProvider"],
            save_as_external_data=False,
        )
    for name in artifact.FILES:  # the model too: its bytes must be those whose hash is on the card
        shutil.copyfile(folder / name, packed / name)


def _describe_column(field: pa.Field) -> dict[str, object]:
    """Describe a column in MLflow's words."""
    from mlflow.types import ColSpec, DataType

    words = {pa.string(): DataType.string, pa.bool_(): DataType.boolean, pa.float32(): DataType.float}
    if pa.types.is_timestamp(field.type):
        word = DataType.datetime
    elif pa.types.is_integer(field.type):
        word = DataType.long if field.type == pa.int64() else DataType.integer
    else:
        word = words[field.type]
    column: dict[str, object] = ColSpec(word, field.name, required=not field.nullable).to_dict()
    return column


def _to_version(entity: "Entity") -> ModelVersion:
    return ModelVersion(
        name=entity.name,
        version=str(entity.version),
        run_id=entity.run_id or "",
        tags=dict(entity.tags),
        aliases=tuple(entity.aliases),
        variant=INT8 if (entity.source or "").endswith(f"/{INT8}") else FULL,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
