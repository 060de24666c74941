"""The measurements of ingestion end in a published version, on few images."""

from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from support.planted_defects import clean_images
from truegrain_bench.measurements import ingestion
from truegrain_bench.measurements.ingestion import cifake_ingestion
from truegrain_bench.measurements.million_rows import LATER, bring_out, prepare
from truegrain_bench.measurements.twins import CIFAKE_VARIABLE

IMAGES = 2_000


def test_the_facts_of_a_made_up_lake_pass_validation_on_top_of_a_version(tmp_path: Path) -> None:
    prepare(str(tmp_path), IMAGES)
    lake = Lake(str(tmp_path))
    first = lake.latest()
    assert first is not None
    seconds, gigabytes = bring_out(str(tmp_path), today=LATER)
    second = lake.latest()
    assert second not in (None, first)
    rows = read_manifest(lake, str(second))
    assert IMAGES * 0.95 < len(rows) < IMAGES
    assert 0.8 * len(rows) < rows["cluster"].nunique() < 0.95 * len(rows)
    assert set(rows["split"]) == {"train", "val", "test"}
    assert len(read_manifest(lake, first)) < 0.6 * len(rows)
    assert min(seconds, gigabytes) > 0
    assert (lake.version_path(str(second)) / "docs" / "version.html").exists()


def test_a_folder_that_stands_for_cifake_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for image in clean_images():
        file = tmp_path / "cifake" / image.origin
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image.data)
    monkeypatch.setenv(CIFAKE_VARIABLE, str(tmp_path / "cifake"))
    figures = {figure.name: figure.value for figure in cifake_ingestion()}
    assert figures.keys() == {"ingest.cifake_seconds", "ingest.peak_gb", "ingest.floor_ratio"}
    assert min(figures.values()) > 0


def test_drawn_photographs_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "PHOTOGRAPHS", 4)
    monkeypatch.setattr(ingestion, "ROUNDS", 1)
    (figure,) = ingestion.photograph_ingestion()
    assert figure.name == "ingest.photograph_floor_ratio"
    assert figure.value > 0


def test_nothing_is_measured_where_cifake_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CIFAKE_VARIABLE, raising=False)
    assert list(cifake_ingestion()) == []
