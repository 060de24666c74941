"""Writes an artifact in the form that `mlflow models serve` takes."""

import shutil
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np

from model.detectors import artifact


def pack(folder: Path, packed: Path) -> None:
    """Write the artifact in `folder` and what MLflow needs to serve it into `packed`, which must not exist.

    Raises ArtifactError when the artifact is broken.
    """
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    size = artifact.read(folder).preprocess.size
    graph = onnx.load(folder / artifact.MODEL, load_external_data=False)
    pixels = TensorSpec(np.dtype(np.uint8), (-1, size, size, 3), "pixels")
    outputs = Schema(
        [
            TensorSpec(np.dtype(np.float32), (-1,) * len(output.type.tensor_type.shape.dim), output.name)
            for output in graph.graph.output
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # MLflow 3.17 warns about its own type hints on the first save
        mlflow.onnx.save_model(
            graph,
            packed,
            signature=ModelSignature(Schema([pixels]), outputs),
            pip_requirements=[f"{name}=={installed_version(name)}" for name in ("mlflow", "onnx", "onnxruntime")],
            onnx_execution_providers=["CPUExecutionProvider"],
            save_as_external_data=False,
        )
    for name in artifact.list_files(folder):  # the model too: its bytes must be those whose hash is on the card
        shutil.copyfile(folder / name, packed / name)
