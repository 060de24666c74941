"""Tells a drill in sentences; all numbers come from its record."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from model.drill.goals import accuracy
from model.drill.record import Drill, Phase, Step
from model.estimate import Estimate


@dataclass(frozen=True)
class Event:
    """An event `at` a time (UTC), `seconds` after the drill began."""

    at: datetime
    seconds: float
    what: str


def tell(drill: Drill) -> tuple[Event, ...]:
    """Return the events of the drill, in order of time."""
    told = sorted(_events(drill), key=lambda event: event[0])
    return tuple(Event(drill.began_at + timedelta(seconds=seconds), seconds, what) for seconds, what in told)


def summarise(drill: Drill) -> Iterator[str]:
    """Yield a few sentences: how the drill affected users, and how it ended."""
    new = drill.newcomer
    before, during, after = (accuracy(drill.answers_in(phase)) for phase in get_args(Phase))
    found, found_after = (accuracy(drill.answers_in(phase, by=(new,))) for phase in ("during", "after"))
    yield f"The detector was trained on {drill.before.images:,} images, none of them by {new}."
    if before and during and found:
        fall = f"accuracy fell from {_share(before)} to {_share(during)}"
        yield f"When {new} appeared, {fall}; the detector found {_share(found)} of the images by {new}."
    if drill.after and after and found_after:
        images = drill.after.images - drill.before.images
        again = f"accuracy is {_share(after)}, and {_share(found_after)} of the images by {new} are found"
        yield f"After a training with {images:,} more images, which users reported, {again}."


def tell_alarm(drill: Drill) -> Iterator[str]:
    """Yield sentences on how the monitor noticed the newcomer and how right it was, or on what it said last."""
    alarm = drill.alarm
    if alarm is None:
        last = f" The last one said: {drill.readings[-1].reason}" if drill.readings else ""
        yield f"No reading suspected a new generator.{last}"
        return
    yield f"{alarm.reason} By then {alarm.newcomers} images by {drill.newcomer} had been sent."
    if alarm.suspects:
        yield f"The monitor pointed to {alarm.suspects} images; {alarm.suspects_new} of them were by {drill.newcomer}."
    if alarm.accuracy:
        bounds = f"{alarm.accuracy.low:.1%} to {alarm.accuracy.high:.1%}"
        told = f"the monitor estimated the accuracy on its window as {_share(alarm.accuracy)} ({bounds})"
    else:
        why = alarm.not_estimable or "the reason is not known"
        told = f"the accuracy on the monitor's window could not be estimated (0 % to 100 %): {why}"
    yield f"Without labels, {told}; by the labels, it was {alarm.truth:.1%}."


def _events(drill: Drill) -> Iterator[tuple[float, str]]:
    for step in drill.steps:
        yield from _of_step(drill, step)
    if drill.alarm:
        yield drill.alarm.seconds, f"The monitor suspects a new generator. {drill.alarm.reason}"


def _of_step(drill: Drill, step: Step) -> Iterator[tuple[float, str]]:
    labelling, after = drill.labelling, drill.after
    match step.name:
        case "ordinary traffic":
            yield step.begin, f"Ordinary traffic: half real, half by {', '.join(drill.known)}."
        case "incident":
            yield step.begin, f"{drill.newcomer} replaces the known generators."
            yield step.end, f"A training is asked for. {drill.asked}" if drill.asked else "No training was asked for."
        case "reports" if labelling:
            yield step.end, f"{labelling.reporters} people have sent {labelling.reports} reports."
        case "review" if labelling:
            agreed = f"{labelling.accepted} of {labelling.images} images are accepted"
            yield step.end, f"{agreed}: {labelling.agreement} people agree on each."
        case "ingestion" if after:
            more = after.images - drill.before.images
            yield step.end, f"Dataset version {after.dataset_version} is published, with {more} more images."
        case "training":
            yield step.begin, "Training begins."
        case "judgement" if after:
            verdict = f"promotes version {after.version}" if after.promoted else "refuses the new detector"
            yield step.end, f"The gate {verdict}: {after.gate}."
        case "swap" if after:
            yield step.end, f"The service gives verdicts of version {after.version}."
        case "traffic again":
            right = _share(accuracy(drill.answers_in("after")))
            yield step.end, f"On the same kind of traffic, accuracy is {right}."
        case _:
            yield step.end, f"Finished: {step.name}."


def _share(estimate: Estimate | None) -> str:
    return f"{estimate.value:.1%}" if estimate else "unknown"
