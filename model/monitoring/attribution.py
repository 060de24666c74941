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
from model.rounding import round_apart

_CONTAINER: Final = {PSI_PIXELS, PSI_JPEG_QUALITY, PSI_FORMAT}
_CONTENT: Final = {PSI_BYTES, LOW_CONFIDENCE, EMBEDDING_DISTANCE}
_NEARLY_ALL: Final = 0.8
"""Embedding distance above which nearly all images differ, not one group. Half of the traffic being new makes 0.75."""


def attribute(signals: Sequence[Signal]) -> tuple[Attribution, str]:
    """Name the likeliest reason for the signals that are over their limits, with a sentence that says why.

    If no signal is over its limit, the attribution is "none". Otherwise the first rule that applies decides:

    1. A dense group, and nearly all images differ: content. Groups are looked for only in files like the reference's.
    2. A dense group, and the rest is as before: a new generator. Only a person can tell it from new content.
    3. More doubtful images, in files like the reference's: a new generator. With other files the rule does not apply,
       because files that were encoded twice raise doubt too.
    4. Images that look real have shifted, in files like the reference's, and not nearly all images differ: a new
       generator.
    5. Other sizes, qualities or formats: another container. A container explains all other signals.
    6. Other sizes in bytes, more doubt, or a moved embedding: content.
    7. Only the probabilities have moved: the balance of the classes.
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
        return "new_generator", _say("In files like the reference's, images that look real have changed", over)
    if container:
        return "container", _say("The files are of other sizes, formats or qualities than the reference's", over)
    if over.keys() & _CONTENT:
        return "content", _say("The files are like the reference's, but their content or its mix is not", over)
    return "balance", _say("Files and images are like the reference's, but the ratio of the classes is not", over)


def _say(claim: str, over: dict[str, Signal]) -> str:
    rounded = {signal.name: round_apart(signal.value, signal.limit, 2) for signal in over.values()}
    return f"{claim}: {', '.join(f'{name} {value} (limit {limit})' for name, (value, limit) in rounded.items())}."
