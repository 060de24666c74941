from types import SimpleNamespace

import pytest

from model.dataset.lake import SUCCESS, Lake
from model.errors import DatasetError
from truegrain_airflow.assets import DATASET, choose_dataset_version

OLD, NEW = "20260105-aaaaaaaaaaaa", "20260119-bbbbbbbbbbbb"


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(str(tmp_path))
    for version in (OLD, NEW):
        lake.version_path(version).mkdir(parents=True)
        (lake.version_path(version) / SUCCESS).touch()
    return lake


def triggered_by(*versions: str):
    return {DATASET: [SimpleNamespace(extra={"dataset_version": version}) for version in versions]}


def test_a_run_by_hand_takes_the_latest_version(lake):
    assert choose_dataset_version("", {}, lake) == NEW


def test_a_run_by_event_takes_the_version_that_the_last_event_names(lake):
    assert choose_dataset_version("", triggered_by(NEW, OLD), lake) == OLD


def test_an_event_made_by_hand_without_a_version_means_the_latest(lake):
    assert choose_dataset_version("", {DATASET: [SimpleNamespace(extra={})]}, lake) == NEW


def test_the_version_asked_for_wins(lake):
    assert choose_dataset_version(OLD, triggered_by(NEW), lake) == OLD


def test_a_version_that_is_not_published_is_refused_by_name(lake):
    with pytest.raises(DatasetError, match=f"'../etc' is not published; newest are {OLD}, {NEW}"):
        choose_dataset_version("../etc", {}, lake)


def test_an_empty_lake_says_what_to_run_first(tmp_path):
    with pytest.raises(DatasetError, match="run ingest_images first"):
        choose_dataset_version("", {}, Lake(str(tmp_path)))
