"""Lakes and registries for the tests of the domain."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.registry import Registry, connect
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from support.small_images import publish


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lock of all who withdraw images from that lake."""
    return tmp_path / "reports.lock"


@pytest.fixture
def publish_images(lake: Lake) -> Callable[[Iterator[LabelledImage]], str]:
    """Bring images into a published version as they are, as `collecting.publish` does."""
    return partial(publish, lake)


@pytest.fixture
def settings(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings with a home and a registered model of this test's own."""
    return Settings(home=tmp_path / "home", tracking_uri=mlflow_server, model_name=request.node.name)


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return connect(settings)
