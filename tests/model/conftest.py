"""Lakes and registries for the tests of the domain."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, write_rows
from model.registry import Registry, connect
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from support.fill_lake import collect
from support.small_images import NOW


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lock of all who withdraw images from that lake."""
    return tmp_path / "reports.lock"


@pytest.fixture
def publish_images(lake: Lake) -> Callable[[Iterator[LabelledImage]], str]:
    """Bring images into a published version as they are; what validation does is tested elsewhere."""

    def bring(images: Iterator[LabelledImage]) -> str:
        collect(lake, images, now=NOW)
        version = assemble(lake, today=date(2026, 11, 2))
        write_rows(lake, version, read_candidates(lake, version), name="manifest")
        (lake.version_path(version) / "validation.json").write_text('{"success": true}')
        publish(lake, version)
        return version

    return bring


@pytest.fixture
def settings(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings with a home and a registered model of this test's own."""
    return Settings(home=tmp_path / "home", tracking_uri=mlflow_server, model_name=request.node.name)


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return connect(settings)
