"""Published results on CIFAKE's test set, compared with ours."""

from collections.abc import Mapping
from dataclasses import dataclass

from truegrain_bench.results.results import Result

OURS = "half-width ResNet-18 from scratch, recipe `cifake`"


@dataclass(frozen=True)
class Published:
    """A detector's accuracy and area under the ROC curve on CIFAKE's test set, of 100; None: not published."""

    detector: str
    accuracy: float
    auroc: float | None
    source: str


PUBLISHED = (
    Published("CNN of the data set's authors", 92.98, None, "arXiv 2303.14126"),
    Published("CNN of 288 k parameters, from scratch", 97.62, 99.74, "leyixu26/cifake-detection"),
    Published("ResNet-18, ImageNet weights", 97.78, None, "leyixu26/cifake-detection"),
    Published("ViT-S, ImageNet weights", 98.77, 99.94, "leyixu26/cifake-detection"),
)


def comparison(results: Mapping[str, Result]) -> str:
    """Return the published results, and ours once measured, as a Markdown table with the lowest accuracy first."""
    rows = list(PUBLISHED)
    if accuracy := results.get("detector.cifake_accuracy"):
        rows.append(Published(OURS, accuracy.value, results["detector.cifake_auroc"].value, f"`{accuracy.command}`"))
    rows.sort(key=lambda row: row.accuracy)
    lines = (f"| {r.detector} | {r.accuracy:g} % | {f'{r.auroc:g} %' if r.auroc else ''} | {r.source} |" for r in rows)
    return "\n".join(["| detector | accuracy | AUROC | source |", "|---|---|---|---|", *lines])
