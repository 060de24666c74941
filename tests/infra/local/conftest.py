"""A lake and a registry for the tests of the launcher."""

from pathlib import Path

import pytest

from model.settings import Settings
from support.learning import Learning


@pytest.fixture
def learning(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Learning:
    """A home and a registered model for this test, without datasets and detectors."""
    return Learning(Settings(home=tmp_path / "home", tracking_uri=mlflow_server, model_name=request.node.name))
