"""Creates MLflow runs, and logs parameters, metrics, datasets and files to them."""

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from model.errors import RegistryError
from model.registry.client import PRESENT, skipped_on
from model.registry.mlflow_model import pack
from model.registry.run_files import FULL

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Run:
    """A run of an experiment that can be logged to; made by `Registry.run`."""

    id: str
    client: "MlflowClient"

    def describe(self, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """Log the parameters and tags that the run was started with."""
        from mlflow.entities import Param, RunTag

        self.client.log_batch(
            self.id,
            params=[Param(key, str(value)) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics; `step` is the number of an epoch, None for metrics of the whole run."""
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        self.client.log_batch(self.id, metrics=[Metric(k, float(v), now, step or 0) for k, v in metrics.items()])

    def log_dataset(
        self, name: str, *, digest: str, source: str, schema: pa.Schema, profile: Mapping[str, object]
    ) -> None:
        """Log a dataset as an input of the run.

        `source` is its location, a URL, `schema` its columns, and `profile` figures about it. Logging the same `name`
        and `digest` again changes nothing.
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

    def log_folder(self, path: Path, artifact_path: str | None = None) -> None:
        """Log the content of a folder under `artifact_path`."""
        self.client.log_artifacts(self.id, str(path), artifact_path)

    def log_artifact(self, folder: Path, *, variant: str = FULL) -> None:
        """Log the artifact in `folder` with what `mlflow models serve` needs; raises ArtifactError if it is broken."""
        with tempfile.TemporaryDirectory() as aside:
            packed = Path(aside) / variant
            pack(folder, packed)
            self.log_folder(packed, variant)


def create_run(client: "MlflowClient", experiment: str, name: str, tags: dict[str, str] | None = None) -> str:
    """Create a run in `experiment`, which is created if missing, and return the id of the run."""
    with skipped_on(PRESENT):
        client.create_experiment(experiment)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise RegistryError(f"experiment '{experiment}' was deleted while a run was being created; try again")
    return str(client.create_run(found.experiment_id, run_name=name, tags=tags).info.run_id)


def _describe_column(field: pa.Field) -> dict[str, object]:
    """Describe a column as MLflow's ColSpec."""
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
