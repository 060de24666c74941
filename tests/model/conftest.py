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
    """The lock for withdrawals of images from the lake."""
    return tmp_path / "reports.lock"


@pytest.fixture
def publish_images(lake: Lake) -> Callable[[Iterator[LabelledImage]], str]:
    """Publish a version of the images, unchanged, as `collecting.publish` does."""
    return partial(publish, lake)


@pytest.fixture
def settings(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings with a home and a registered model for this test alone."""
    return Settings(home=tmp_path / "home", tracking_uri=mlflow_server, model_name=request.node.name)


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return connect(settings)
