"""A lake for each test."""

from pathlib import Path

import pytest

from model.dataset.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def without_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Great Expectations' own pages empty, for tests of what is found and not of how it is shown."""
    monkeypatch.setattr("expectations.runner._draw_page", lambda _: "<html></html>")
