"""Packing: an artifact in the form that `mlflow models serve` takes."""

import shutil
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np

from model import artifact


def pack(folder: Path, packed: Path) -> None:
    """Write the artifact in `folder` and what MLflow needs to serve it into `packed`, which must not exist.

    Raises ArtifactError when the artifact is broken.
    """
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    size = artifact.read(folder).preprocess["size"]
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
