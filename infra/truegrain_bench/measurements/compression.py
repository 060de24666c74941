"""Measures the AUROC that strong JPEG compression costs, with and without JPEGs in training."""

from collections.abc import Iterator, Mapping
from typing import Final

from model.dataset.lake import Lake
from model.registry import connect
from model.registry.version_tags import DATASET_VERSION
from model.retraining.run_records import RunRecords
from model.retraining.steps import evaluate_run
from truegrain_bench.results.results import Figure
from truegrain_rig.stack import Stack, train

TRAININGS: Final = {"plain": {"augmentation.jpeg": 0.0}, "hardened": {"augmentation.jpeg": 0.5}}
COMPRESSION = "jpeg-50"


def jpeg_drops(stack: Stack) -> Iterator[Figure]:
    """Compare two detectors of the quick recipe: one has seen no degradation by JPEG in training, the other many."""
    for name, changes in TRAININGS.items():
        yield Figure(f"detector.jpeg50_drop_{name}", _drop(stack, changes), "points", "make bench-full")


def _drop(stack: Stack, changes: Mapping[str, object]) -> float:
    """Return the AUROC on images as they are minus the AUROC on compressed images, in points of 100."""
    registry = connect(stack.settings)
    run_id = train(stack.settings, stack.summary["version"]["tags"][DATASET_VERSION], changes)
    evaluate_run(registry, Lake(stack.settings.lake_url), run_id)
    report = RunRecords.load(registry, run_id).require_report()
    (compressed,) = (degraded for degraded in report.robustness if degraded.name == COMPRESSION)
    return round(100 * (report.overall["auroc"].value - compressed.auroc.value), 2)
