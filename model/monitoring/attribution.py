"""Names the likeliest cause of drift, from the signals that are over their limits."""

from collections.abc import Sequence
from typing import Final

from model.monitoring.terms import (
    DENSE_GROUP,
    DOUBTFUL_GROUP,
    EMBEDDING_DISTANCE,
    LOW_CONFIDENCE,
    PSI_BYTES,
    PSI_FORMAT,
    PSI_JPEG_QUALITY,
    PSI_PIXELS,
    REAL_SHIFT,
    Attribution,
    Signal,
)

_CONTAINER: Final = {PSI_PIXELS, PSI_JPEG_QUALITY, PSI_FORMAT}
_CONTENT: Final = {PSI_BYTES, LOW_CONFIDENCE, EMBEDDING_DISTANCE}
_NEARLY_ALL: Final = 0.8
"""Embedding distance above which it is not one group that differs: a half of the traffic, all of it new, makes 0.75."""


def attribute(signals: Sequence[Signal]) -> tuple[Attribution, str]:
    """Name the likeliest reason for the signals that are over their limits, with a sentence that says why.

    Without such a signal there is none. Otherwise the first of these rules that applies:

    1. A dense group, and nearly all images differ: content. Groups are looked for in files like the reference's alone.
    2. A dense group, and the rest is as before: a new generator. Only a person can tell it from a group of new content.
    3. More doubtful images, in files like the reference's: a new generator. Files that were encoded twice raise doubt,
       too, so other files rule it out.
    4. What looks real has shifted, in files like the reference's, and not nearly all images differ: a new generator.
    5. Other sizes, qualities or formats: another container. It explains whatever else has moved.
    6. Other sizes in bytes, more doubt, or a moved embedding: content.
    7. The probabilities alone have moved: the balance of the classes.
    """
    over = {signal.name: signal for signal in signals if signal.over}
    distance = next((signal.value for signal in signals if signal.name == EMBEDDING_DISTANCE), 0.0)
    container = bool(over.keys() & _CONTAINER)
    if not over:
        return "none", "No signal is over its limit."
    if DENSE_GROUP in over and distance > _NEARLY_ALL:
        return "content", _say("In files like the reference's, nearly all images are unlike its images", over)
    if DENSE_GROUP in over:
        return "new_generator", _say(
            "In files like the reference's, a group of images is unlike all of its images", over
        )
    if DOUBTFUL_GROUP in over and not container:
        return "new_generator", _say("In files like the reference's, the detector doubts far more images", over)
    if REAL_SHIFT in over and not container and distance <= _NEARLY_ALL:
        return "new_generator", _say("In files like the reference's, what looks real looks otherwise than it did", over)
    if container:
        return "container", _say("The files are of other sizes, formats or qualities than the reference's", over)
    if over.keys() & _CONTENT:
        return "content", _say("The files are like the reference's, what they show is not or not in the same mix", over)
    return "balance", _say("Files and images are like the reference's, the ratio of the classes is not", over)


def _say(claim: str, over: dict[str, Signal]) -> str:
    numbers = ", ".join(f"{signal.name} {signal.value:.2f} (limit {signal.limit:.2f})" for signal in over.values())
    return f"{claim}: {numbers}."
