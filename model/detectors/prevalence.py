"""Adjusts a calibrated probability of AI to another share of AI images, and finds the threshold that costs least."""

from collections.abc import Mapping

from model.labels import AI, CLASSES, REAL


def find_calibrated_share(calibrated_on: Mapping[str, int]) -> float | None:
    """Return the share of AI images that a detector was calibrated for; None if its card does not count both classes.

    `calibrated_on` is the field of the card.
    """
    real, ai = (calibrated_on.get(CLASSES[label], 0) for label in (REAL, AI))
    return ai / (real + ai) if real > 0 and ai > 0 else None


def adjust_to_share(probability: float, *, calibrated: float, share: float) -> float:
    """Return the probability of AI among images of which `share` is AI, from that for a share of `calibrated`.

    Bayes' rule (Saerens, Latinne and Decaestecker, 2002): the images of each class stay the same, and only their
    numbers differ. `calibrated` is above 0 and below 1.
    """
    ai = probability * share / calibrated
    real = (1 - probability) * (1 - share) / (1 - calibrated)
    return ai / (ai + real) if ai + real else share


def choose_by_cost(*, cost_ratio: float, prevalence: float, calibrated: float) -> float:
    """Return the calibrated probability of AI from which calling an image AI costs less than calling it real.

    A false accusation costs `cost_ratio` times as much as a missed AI image. Of the images that are judged, the share
    `prevalence` is AI. Among such images the threshold is cost_ratio / (cost_ratio + 1) (Elkan, 2001, "The foundations
    of cost-sensitive learning"). The result is the same threshold for a share of `calibrated`, as the detector has it.

    Raises ValueError unless `cost_ratio` is positive and finite, and both shares lie above 0 and below 1.
    """
    if not 0 < cost_ratio < float("inf"):
        raise ValueError(f"the cost ratio must be above 0, such as 20; it is {cost_ratio:g}")
    for name, share in (("prevalence", prevalence), ("calibrated share", calibrated)):
        if not 0 < share < 1:
            raise ValueError(f"the {name} must be above 0 and below 1, such as 0.02 for 2 %; it is {share:g}")
    return adjust_to_share(cost_ratio / (cost_ratio + 1), calibrated=prevalence, share=calibrated)
