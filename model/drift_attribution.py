"""Drift attribution: from signals to the likeliest reason that traffic is no longer like the reference."""

from collections.abc import Sequence
from typing import Final

from model.drift_signals import Signal
from model.drift_terms import Attribution

_OF_FILES: Final = "psi_"
_OF_PREDICTIONS: Final = ("mean_probability", "class_ratio", "psi_probability", "ks_probability")
DENSE_GROUP: Final = "dense_group"
EMBEDDING_DISTANCE: Final = "embedding_distance"


def attribute(signals: Sequence[Signal]) -> tuple[Attribution, str]:
    """Name the likeliest reason for the signals that are over their limits, with a sentence that says why.

    The strongest claim first: a dense group is looked for in files like the reference's only, so that it is no other
    container; another container explains whatever else has moved; a moved embedding is other content; and
    probabilities alone move when only the ratio of the classes does.
    """
    over = {signal.name: signal for signal in signals if signal.over}
    if not over:
        return "none", "No signal is over its limit."
    if DENSE_GROUP in over:
        return "new_generator", _say("A group of images in files like the reference's is like none of its images", over)
    if any(name.startswith(_OF_FILES) and name not in _OF_PREDICTIONS for name in over):
        return "container", _say("The files are others than the reference's", over)
    if EMBEDDING_DISTANCE in over:
        return "content", _say("The files are like the reference's, what they show is not", over)
    return "balance", _say("Files and images are like the reference's, the ratio of the classes is not", over)


def _say(claim: str, over: dict[str, Signal]) -> str:
    numbers = ", ".join(f"{signal.name} {signal.value:.2f} (limit {signal.limit:.2f})" for signal in over.values())
    return f"{claim}: {numbers}."
