from collections.abc import Callable
from pathlib import Path

import pytest

from model.registry import ModelVersion, Registry


@pytest.fixture
def models(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Registry:
    """A registry with a registered model for this test alone."""
    return Registry(mlflow_server, model_name=request.node.name, lock=tmp_path / "lock", experiment="tests")


@pytest.fixture
def add(models: Registry) -> Callable[..., ModelVersion]:
    """Register a run with the gate's verdict `gate`, without an artifact, since nobody loads it."""

    def add_version(gate: str = "passed") -> ModelVersion:
        with models.run("train", params={}) as run:
            pass
        return models.register(run.id, tags={"gate": gate})

    return add_version


@pytest.fixture
def release(models: Registry, tiny_artifact: Callable[[float], Path]) -> Callable[[float], ModelVersion]:
    """Log a tiny artifact of some bias and register it."""

    def release_version(bias: float) -> ModelVersion:
        with models.run("train", params={}) as run:
            run.log_artifact(tiny_artifact(bias))
        return models.register(run.id, tags={"gate": "passed"})

    return release_version
