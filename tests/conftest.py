"""Fixtures of many tests: a tiny hand-made detector, images for it, and a real MLflow server."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, write_rows
from model.detectors.reference import pack_reference
from model.detectors.traffic_sample import Reference, Sample
from model.pages.plots import Plot
from model.sources.labelled_image import LabelledImage
from support.ordinary_traffic import look_at_ordinary
from support.small_images import collect
from truegrain_rig.mlflow_server import running_mlflow
from truegrain_rig.tiny_detector import SIZE, answer, write_tiny

TINY_REFERENCE = 200


def compute_reference(bias: float) -> Reference:
    """Return the tiny graph's outputs for ordinary images, and labels by which it is calibrated without a bias."""
    pixels, files = look_at_ordinary(TINY_REFERENCE, seed=11, size=SIZE)
    said = answer(pixels, bias)
    sample = Sample(
        probability=said.probability.astype(np.float64),
        embedding=said.embedding,
        width=np.array([file.width for file in files]),
        height=np.array([file.height for file in files]),
        bytes=np.array([file.bytes for file in files]),
        jpeg_quality=np.array([file.jpeg_quality or np.nan for file in files]),
        format=np.array([file.format for file in files]),
    )
    is_ai = np.random.default_rng(11).random(len(files)) < answer(pixels, 0.0).probability
    return Reference(sample=sample, label=is_ai.astype(np.uint8))


@pytest.fixture
def tiny_artifact(tmp_path: Path) -> Callable[..., Path]:
    """`tiny_artifact(bias=0.0)` writes an artifact without any training and returns its folder.

    The detector calls an image AI when its mean brightness is above one half; a larger bias moves every probability
    toward AI. Its reference consists of ordinary images (see `ordinary.draw_ordinary`). Further arguments are those of
    `write_tiny`.
    """

    def write(bias: float = 0.0, **about: Any) -> Path:
        reference = pack_reference(compute_reference(bias))
        return write_tiny(tmp_path / f"tiny{bias:+g}", bias=bias, reference=reference, **about)

    return write


@pytest.fixture
def brightness_dataset() -> Callable[[Lake], str]:
    """`brightness_dataset(lake)` publishes 60 test images, dark real and bright AI ones, and returns their version.

    Without a bias the tiny artifact gets all images right; the larger its bias, the fewer it gets right.
    """
    return publish_brightness


def publish_brightness(lake: Lake) -> str:
    generators: dict[int, str | None] = dict.fromkeys(range(40, 100, 2))
    generators |= {level: "glow" if level < 190 else "glare" for level in range(160, 220, 2)}
    images = [
        LabelledImage(
            data=draw_flat(level),
            label="ai" if generator else "real",
            source="flat",
            origin=str(level),
            generator=generator,
            split="test",
        )
        for level, generator in generators.items()
    ]
    collect(lake, images, now=datetime(2026, 1, 5, tzinfo=UTC))
    version = assemble(lake, today=date(2026, 1, 5))
    write_rows(lake, version, read_candidates(lake, version), name="manifest")
    (lake.version_path(version) / "validation.json").write_text('{"success": true}')
    publish(lake, version)
    return version


def draw_flat(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 48), (level,) * 3).save(file, "PNG" if level % 4 else "BMP")
    return file.getvalue()


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plots of a page empty: a plot takes a third of a second, and most tests do not need it."""
    for module in ("dataset_plots", "report_plots", "drill_plots"):
        monkeypatch.setattr(f"model.pages.{module}.draw_plot", lambda title, text, _: Plot(title, text, "<svg></svg>"))


@pytest.fixture(scope="session")
def httpserver_listen_address() -> tuple[str, int]:
    """Where pytest-httpserver listens: 127.0.0.1, on a free port."""
    return "127.0.0.1", 0


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server for the tests, empty at first."""
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as address:
        yield address
