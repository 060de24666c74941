"""The metrics of the pipeline that the follower exports."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.errors import RegistryUnavailable
from model.registry import ModelVersion
from service.metrics.pipeline import PipelineMetrics
from service.sidecars.pipeline_watch import PipelineWatch


class Listed:
    """A fake registry of two versions, the older one in production; it can be made unreachable."""

    def __init__(self) -> None:
        self.down = False

    def versions(self) -> list[ModelVersion]:
        if self.down:
            raise RegistryUnavailable("the registry does not answer")
        return [ModelVersion("detector", n, n, {"gate": gate}, (), registered_at=at) for n, gate, at in TWO]

    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        assert alias_or_version == "production"
        return self.versions()[0]


TWO = [("1", "passed", 100.0), ("2", "failed", 200.0)]


@pytest.fixture
def registry() -> Listed:
    return Listed()


@pytest.fixture
def metrics() -> PipelineMetrics:
    return PipelineMetrics()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def watch(registry: Listed, lake: Lake, tmp_path: Path, metrics: PipelineMetrics) -> PipelineWatch:
    return PipelineWatch(registry, lake, tmp_path, metrics, name="detector")


@pytest.fixture
def value(metrics: PipelineMetrics) -> Callable[..., float | None]:
    return lambda name, **labels: metrics.registry.get_sample_value(f"truegrain_{name}", labels)


def test_lake_registry_and_disk_are_shown(
    watch: PipelineWatch, lake: Lake, value: Callable[..., float | None], brightness_dataset: Callable[[Lake], str]
) -> None:
    brightness_dataset(lake)
    watch.look()
    assert value("dataset_images", label="ai", split="test") == 30
    assert value("dataset_validation", outcome="passed") == 1
    assert value("dataset_validation", outcome="refused") == 0
    assert value("registered_versions", gate="failed") == 1
    assert value("gate_refused_in_a_row", model="detector") == 1
    assert value("pipeline_timestamp_seconds", event="production") == 100
    assert value("pipeline_timestamp_seconds", event="registered") == 200
    free, total = value("disk_bytes", room="free"), value("disk_bytes", room="total")
    assert free is not None and total is not None and 0 < free < total


def test_before_the_first_version_there_is_no_series_that_could_be_taken_for_a_fact(
    watch: PipelineWatch, value: Callable[..., float | None]
) -> None:
    watch.look()
    assert value("pipeline_timestamp_seconds", event="published") is None
    assert value("dataset_validation", outcome="passed") is None
    assert value("pipeline_timestamp_seconds", event="lake_read") is not None


def test_what_is_out_of_reach_keeps_its_values_and_the_rest_is_read(
    watch: PipelineWatch, registry: Listed, value: Callable[..., float | None]
) -> None:
    watch.look()
    registry_read, lake_read = (
        value("pipeline_timestamp_seconds", event=event) for event in ("registry_read", "lake_read")
    )
    registry.down = True
    watch.look()
    assert value("gate_refused_in_a_row", model="detector") == 1
    assert value("pipeline_timestamp_seconds", event="registry_read") == registry_read
    assert value("pipeline_timestamp_seconds", event="lake_read") != lake_read
