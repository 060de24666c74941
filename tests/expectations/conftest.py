"""A lake for each test; and Great Expectations, imported here once, for its import warns."""

import warnings
from pathlib import Path

import pytest

from model.lake import Lake

with warnings.catch_warnings():
    # great_expectations 1.24.1 imports sre_constants, deprecated since Python 3.11.
    warnings.simplefilter("ignore", DeprecationWarning)
    import great_expectations  # noqa: F401


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
