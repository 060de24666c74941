"""What strong compression costs a detector that has seen only images as they are, and one that has seen worse."""

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
    """Hold the detector in production, of the quick recipe, against one of the same that was also shown JPEGs."""
    version = stack.summary["version"]
    hardened = train(stack.settings, version["tags"][DATASET_VERSION], DEGRADED)
    registry = connect(stack.settings)
    evaluate_run(registry, Lake(stack.settings.lake_url), hardened)
    for name, run_id in (("plain", version["run_id"]), ("hardened", hardened)):
        yield Figure(f"detector.jpeg50_drop_{name}", _drop(registry, run_id), "points", "make bench-full")


def _drop(registry: Registry, run_id: str) -> float:
    """Return by how many points of 100 the AUROC is lower on compressed images."""
    report = RunRecords.load(registry, run_id).require_report()
    (compressed,) = (degraded for degraded in report.robustness if degraded.name == COMPRESSION)
    return round(100 * (report.overall["auroc"].value - compressed.auroc.value), 2)
