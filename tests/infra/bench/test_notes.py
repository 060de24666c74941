"""The measurement of the notes counts enlarged, squeezed and ordinary pictures apart."""

from pathlib import Path

import pytest

from support.small_images import textured
from truegrain_bench.measurements.notes import PHOTOGRAPHS_VARIABLE, noted_pictures


def test_enlarged_and_squeezed_pictures_are_counted_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in ("real", "ai"):
        (tmp_path / label).mkdir()
        textured(256, 240).save(tmp_path / label / f"{label}.png")
        textured(100, 100).save(tmp_path / label / "too small to be enlarged to.png")
    monkeypatch.setenv(PHOTOGRAPHS_VARIABLE, str(tmp_path))
    found = {figure.name: figure.value for figure in noted_pictures()}
    assert found == {
        "notes.enlarged_found": 100,
        "notes.enlarged_false": 0,
        "notes.compressed_found": 100,
        "notes.compressed_false": 0,
    }


def test_without_pictures_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PHOTOGRAPHS_VARIABLE, raising=False)
    assert list(noted_pictures()) == []
