"""What a threshold brings: its error rates on the images of a report, and how often its accusations are right."""

from dataclasses import dataclass

import numpy as np

from model import metrics
from model.estimate import Estimate
from model.evaluation.report import Report


@dataclass(frozen=True)
class Rates:
    """What comes of a threshold: `fpr` is the share of real images called AI, `tpr` that of AI images called AI.

    `predictive_value` is the share of AI images among the images called AI. It is None if no image of the report is
    called AI.
    """

    fpr: Estimate
    tpr: Estimate
    predictive_value: Estimate | None


def measure_threshold(report: Report, threshold: float, *, prevalence: float) -> Rates:
    """Measure a threshold on the images of a report, for images of which the share `prevalence` is AI.

    The interval of the predictive value puts the worst end of one rate with the best end of the other. So it is rather
    too wide.
    """
    label, probability = np.array(report.predictions.label), np.array(report.predictions.probability)
    clusters = np.array(report.predictions.cluster, int) if report.predictions.cluster else None
    fpr = metrics.false_positive_rate(label, probability, threshold, clusters)
    tpr = metrics.true_positive_rate(label, probability, threshold, clusters)

    def combine(found: float, false: float) -> float:
        hits, alarms = prevalence * found, (1 - prevalence) * false
        return hits / (hits + alarms) if hits + alarms else 0.0

    if not fpr.value and not tpr.value:
        return Rates(fpr, tpr, None)
    ends = combine(tpr.value, fpr.value), combine(tpr.low, fpr.high), combine(tpr.high, fpr.low)
    return Rates(fpr, tpr, Estimate(*ends))
