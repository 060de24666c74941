"""The state of the pipeline, read from a lake and from the versions of a registry."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.registry import ModelVersion
from model.retraining.pipeline_state import count_images, survey_lake, survey_registry


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def version(number: int, gate: str | None) -> ModelVersion:
    tags = {"gate": gate} if gate else {}
    return ModelVersion("detector", str(number), f"run-{number}", tags, (), registered_at=float(number))


def test_of_a_lake_without_versions_nothing_is_known(lake: Lake) -> None:
    state = survey_lake(lake)
    assert (state.latest, state.published_at, state.validated_at, state.validation_passed) == (None,) * 4


def test_a_published_version_is_dated_and_counted(lake: Lake, brightness_dataset: Callable[[Lake], str]) -> None:
    latest = brightness_dataset(lake)
    marker = Path(str(lake.version_path(latest) / "_SUCCESS"))
    os.utime(marker, (1_800_000_000, 1_800_000_000))
    state = survey_lake(lake)
    assert (state.latest, state.published_at, state.validation_passed) == (latest, 1_800_000_000, True)
    counts = count_images(lake, latest)
    assert counts["real", "test"] == counts["ai", "test"] == 30
    assert (counts["real", "train"], len(counts)) == (0, 6)


def test_a_refused_version_is_the_last_validation_though_it_is_not_published(
    lake: Lake, brightness_dataset: Callable[[Lake], str]
) -> None:
    latest = brightness_dataset(lake)
    refused = Path(str(lake.version_path("20260106-00000000dead"))) / "validation.json"
    refused.parent.mkdir()
    refused.write_text('{"success": false}')
    os.utime(refused, (4_000_000_000, 4_000_000_000))
    state = survey_lake(lake)
    assert (state.latest, state.validated_at, state.validation_passed) == (latest, 4_000_000_000, False)


def test_of_versions_of_earlier_days_no_file_is_looked_at(
    lake: Lake, brightness_dataset: Callable[[Lake], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    latest = brightness_dataset(lake)
    for name in ("_SUCCESS", "validation.json"):
        old = Path(str(lake.version_path("20250101-00000000001d"))) / name
        old.parent.mkdir(exist_ok=True)
        old.write_text("{}")
    looked_at: list[str] = []
    modified_at = Lake.modified_at
    monkeypatch.setattr(
        Lake, "modified_at", lambda self, path: looked_at.append(path.parent.name) or modified_at(self, path)
    )
    assert survey_lake(lake).latest == latest
    assert set(looked_at) == {latest}


def test_refusals_count_from_the_newest_version_back() -> None:
    gates = ["failed", "passed", "failed", "failed"]
    state = survey_registry([version(9 + number, gate) for number, gate in enumerate(gates)], version(10, "passed"))
    assert (state.refused_in_a_row, state.newest_at, state.production_at) == (2, 12, 10)
    assert state.gates == {"passed": 1, "failed": 3, "asked": 0, "overridden": 0, "undecided": 0}


def test_a_registry_without_versions_has_refused_nothing() -> None:
    state = survey_registry([], None)
    assert (state.refused_in_a_row, state.newest_at, state.production_at) == (0, None, None)


def test_a_version_that_a_person_registered_is_undecided() -> None:
    assert survey_registry([version(1, None)], None).gates["undecided"] == 1
