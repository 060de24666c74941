"""Hostile detectors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.hostile_detectors import make_endless, make_hungry


@pytest.fixture
def endless_artifact(tiny_artifact: Callable[..., Path]) -> Path:
    """An artifact whose graph computes for years."""
    return make_endless(tiny_artifact(9.0))


@pytest.fixture
def hungry_artifact(tiny_artifact: Callable[..., Path]) -> Path:
    """An artifact whose graph makes an array of 80 GB."""
    return make_hungry(tiny_artifact(8.0))
