"""Plans and publishes the forecast of a run: how well its detector may recognise generators that it never saw."""

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
    """A planned training for the forecast of run `run_id`: on its dataset version, without one generator."""

    run_id: str
    dataset_version: str
    generator: str


def plan_forecast(registry: Registry, lake: Lake, run_id: str = "", *, least: int = LEAST_IMAGES) -> list[LeftOut]:
    """List the trainings that the forecast of a run needs; without `run_id`, of the run in production.

    Raises RegistryError if the run has no decision of the gate. Raises DatasetError unless at least two generators of
    its dataset version have `least` test images.
    """
    run_id = run_id or _in_production(registry)
    records = RunRecords.load(registry, run_id)
    records.require_decision()
    version = records.require_report().dataset_version
    manifest = read_manifest(lake, version, columns=("split", "generator"))
    return [LeftOut(run_id, version, generator) for generator in choose_generators(manifest, least=least)]


def publish_forecast(registry: Registry, lake: Lake, trained: Sequence[tuple[str, LeftOut]]) -> Forecast:
    """Measure each detector on the generator that it was trained without, and add the forecast to the run's report.

    `trained` are pairs of a training's run and its LeftOut. Logs forecast.json to the run that the forecast is for, and
    draws its report.html again. Raises RegistryError if that run has no decision of the gate. Raises DatasetError for a
    detector that was trained with the generator.
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
    records = RunRecords.load(registry, run_id)  # once more: while it was measured, images may have been erased
    with registry.run("forecast", params={}, run_id=run_id) as run:
        replace(records, forecast=forecast).save_with_page(registry, run, since=records)
        run.log_metrics({"unseen_generator_recall": forecast.recall.value})
    return forecast


def _in_production(registry: Registry) -> str:
    production = registry.resolve(PRODUCTION)
    if production is None or not production.run_id:
        raise RegistryError("no detector that was trained here is in production: name the run that the forecast is for")
    return production.run_id
