"""A lake for each test, and pages without plots."""

from pathlib import Path

import pytest

from model.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(autouse=True)
def plain_pages(without_plots: None) -> None:
    """Every validation draws the page of its version."""
