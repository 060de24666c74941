"""Forecasting: the steps from a run to the forecast in its report, as the tasks of `forecast_generators` call them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.errors import RegistryError
from model.evaluation.forecast import LEAST_IMAGES, Forecast, choose_generators, measure_unseen, summarise
from model.registry import PRODUCTION, Registry
from model.retraining.run_records import RunRecords
from model.retraining.steps import load_detector


@dataclass(frozen=True)
class LeftOut:
    """A training to do for the report of run `run_id`: on its dataset version, without one generator."""

    run_id: str
    dataset_version: str
    generator: str


def plan_forecast(registry: Registry, lake: Lake, run_id: str = "", *, least: int = LEAST_IMAGES) -> list[LeftOut]:
    """List the trainings that a forecast for a run takes, by default for the one in production.

    Raises RegistryError for a run that was not decided on, and DatasetError unless two generators of its dataset
    version have `least` test images.
    """
    run_id = run_id or _in_production(registry)
    records = RunRecords.load(registry, run_id)
    records.require_decision()
    version = records.require_report().dataset_version
    manifest = read_manifest(lake, version, columns=("split", "generator"))
    return [LeftOut(run_id, version, generator) for generator in choose_generators(manifest, least=least)]


def publish_forecast(registry: Registry, lake: Lake, trained: Sequence[tuple[str, LeftOut]]) -> Forecast:
    """Measure detectors, each by its run and what it was kept from, and put the forecast into the report it is for.

    Logs forecast.json to that run and draws its report.html anew. Raises RegistryError for a run that was not decided
    on, and DatasetError for a detector that was not kept from its generator.
    """
    run_id, version = trained[0][1].run_id, trained[0][1].dataset_version
    records = RunRecords.load(registry, run_id)
    records.require_decision()
    manifest = read_manifest(lake, version)
    unseen = [
        measure_unseen(load_detector(registry, training), lake, manifest, left_out.generator)
        for training, left_out in trained
    ]
    forecast = summarise(version, unseen)
    with registry.run("forecast", params={}, run_id=run_id) as run:
        replace(records, forecast=forecast).save(run, since=records)
        run.log_metrics({"unseen_generator_recall": forecast.recall.value})
    return forecast


def _in_production(registry: Registry) -> str:
    production = registry.resolve(PRODUCTION)
    if production is None or not production.run_id:
        raise RegistryError("nothing that was trained here is in production: name the run the forecast is for")
    return production.run_id
