"""Measures the AUROC that strong JPEG compression costs, with and without JPEGs in training."""

from collections.abc import Iterator

from model.dataset.lake import Lake
from model.registry import Registry, connect
from model.registry.version_tags import DATASET_VERSION
from model.retraining.run_records import RunRecords
from model.retraining.steps import evaluate_run
from truegrain_bench.results.results import Figure
from truegrain_rig.stack import Stack, train

DEGRADED = {"augmentation.jpeg": 0.5}
COMPRESSION = "jpeg-50"


def jpeg_drops(stack: Stack) -> Iterator[Figure]:
    """Compare the detector in production (quick recipe) with one whose training also degraded images by JPEG."""
    version = stack.summary["version"]
    hardened = train(stack.settings, version["tags"][DATASET_VERSION], DEGRADED)
    registry = connect(stack.settings)
    evaluate_run(registry, Lake(stack.settings.lake_url), hardened)
    for name, run_id in (("plain", version["run_id"]), ("hardened", hardened)):
        yield Figure(f"detector.jpeg50_drop_{name}", _drop(registry, run_id), "points", "make bench-full")


def _drop(registry: Registry, run_id: str) -> float:
    """Return the AUROC on images as they are minus the AUROC on compressed images, in points of 100."""
    report = RunRecords.load(registry, run_id).require_report()
    (compressed,) = (degraded for degraded in report.robustness if degraded.name == COMPRESSION)
    return round(100 * (report.overall["auroc"].value - compressed.auroc.value), 2)
