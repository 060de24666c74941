"""A lake for each test."""

from pathlib import Path

import pytest

from model.dataset.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
