"""A published dataset version to train on, small enough for seconds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from model.training.config import TrainConfig, read_config
from support.small_images import many


@pytest.fixture
def dataset(publish_images: Callable[[Iterator[LabelledImage]], str]) -> str:
    """A version of 240 images whose texture tells their class; the last 40 images state no licence."""
    stated = (replace(image, licence="CC0-1.0") for image in many(200))
    return publish_images(chain(stated, many(40, start=200)))


@pytest.fixture
def settings(tmp_path: Path, lake: Lake, mlflow_server: str) -> Settings:
    return Settings(home=tmp_path, lake=str(lake.root), tracking_uri=mlflow_server, model_name="trained-in-a-test")


@pytest.fixture
def config() -> TrainConfig:
    return read_config("quick", {"epochs": 3, "batch_size": 32, "warmup_epochs": 0.5})
