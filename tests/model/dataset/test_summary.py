"""A version warns if near-duplicates take much of it away."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.dataset.lake import Lake
from model.dataset.summary import read_warnings
from model.files import write_text

VERSION = "20260105-0123456789ab"


def warnings(folder: Path, summary: dict[str, Any]) -> tuple[str, ...]:
    lake = Lake(str(folder))
    write_text(lake.version_path(VERSION) / "summary.json", json.dumps(summary))
    return read_warnings(lake, VERSION)


@pytest.mark.parametrize(
    ("rows", "largest", "warned"),
    [(1_900, 20, True), (2_000, 20, False), (2_000, 21, True), (40, 19, False), (40, 20, True)],
)
def test_a_large_cluster_is_a_warning(tmp_path: Path, rows: int, largest: int, warned: bool) -> None:
    found = warnings(tmp_path, {"rows": rows, "clusters": {"largest": largest}})
    assert [f"has {largest} of {rows:,} images, more than 1%" in text for text in found] == [True] * warned


@pytest.mark.parametrize(("rows", "apart", "warned"), [(970, 30, False), (969, 31, True), (10, 19, False)])
def test_many_images_between_splits_are_a_warning(tmp_path: Path, rows: int, apart: int, warned: bool) -> None:
    found = warnings(tmp_path, {"rows": rows, "left_out": {"between_splits": {"count": apart}}})
    assert [f"{apart} images are left out" in text and "more than 3%" in text for text in found] == [True] * warned


def test_a_version_of_an_earlier_release_has_no_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path, {}) == ()
    assert read_warnings(Lake(str(tmp_path / "other")), VERSION) == ()
