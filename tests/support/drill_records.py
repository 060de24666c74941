"""Made-up records of drills: a new generator lowers accuracy from 95 % to 70 %, and the accuracy recovers."""

from dataclasses import replace
from datetime import UTC, datetime

from model.drill.record import Answer, Drill, Labelling, Learnt, Reading, Step, StepName, Suspect
from model.estimate import Estimate
from model.monitoring.terms import Signal

NEW = "patch"
KNOWN = ("smooth", "nearest")
_TIMES: dict[StepName, tuple[float, float]] = {
    "ordinary traffic": (0, 60),
    "incident": (60, 120),
    "reports": (120, 140),
    "review": (140, 141),
    "ingestion": (141, 160),
    "training": (160, 280),
    "judgement": (280, 300),
    "swap": (300, 302),
    "traffic again": (302, 330),
}


def make_drill(**changes: object) -> Drill:
    """Return a drill that met every goal, except for `changes`."""
    drill = Drill(
        id="20261121-190000-patch",
        began_at=datetime(2026, 11, 21, 19, tzinfo=UTC),
        newcomer=NEW,
        known=KNOWN,
        model_name="ai-image-detector-drill-20261121-190000-patch",
        before=make_learnt("1", images=2000),
        steps=tuple(Step(name=name, begin=begin, end=end) for name, (begin, end) in _TIMES.items()),
        answers=(
            *make_answers(0, by=KNOWN[0], right=1140, of=1200, every=0.05),
            *make_answers(60, by=NEW, right=70, of=100),
            *make_answers(302, by=NEW, right=2850, of=3000, version="2"),
        ),
        readings=(make_reading(50, newcomers=0), make_reading(110, newcomers=80, alarm=True)),
        suspects=(Suspect("data:image/webp;base64,AAAA", make_answers(70, by=NEW, right=0, of=2)[1]),),
        asked="version 1: a dense group.",
        labelling=Labelling(images=300, reporters=18, reports=900, agreement=3, accepted=300),
        after=make_learnt("2", images=2300),
    )
    return replace(drill, **changes)


def make_answers(begin: float, *, by: str, right: int, of: int, version: str = "1", every: float = 0.2) -> list[Answer]:
    """Return verdicts on images, real and AI by turns, `every` so many seconds; the last verdicts are wrong."""
    made = [(None, by)[number % 2] for number in range(of)]
    return [
        Answer(
            seconds=begin + every * number,
            generator=generator,
            probability=0.9 if (generator is not None) == (number < right) else 0.1,
            called="ai" if (generator is not None) == (number < right) else "real",
            version=version,
        )
        for number, generator in enumerate(made)
    ]


def make_reading(seconds: float, *, newcomers: int, alarm: bool = False) -> Reading:
    return Reading(
        seconds=seconds,
        newcomers=newcomers,
        state="drifting" if alarm else "ok",
        attribution="new_generator" if alarm else "none",
        reason="A group of images is like none of the reference's: dense_group 0.21."
        if alarm
        else "No signal is over.",
        signals=(Signal("dense_group", 0.21 if alarm else 0.01, 0.08, alarm), Signal("psi_bytes", 0.1, 0.25, False)),
        accuracy=None if alarm else Estimate(0.9, 0.8, 0.95),
        not_estimable="the traffic has drifted (new_generator)" if alarm else None,
        truth=0.72,
        suspects=40 if alarm else 0,
        suspects_new=38 if alarm else 0,
    )


def make_learnt(version: str, *, images: int, promoted: bool = True) -> Learnt:
    gate = "all 20 rules passed" if promoted else "failed: accuracy (80.00%)"
    return Learnt(
        dataset_version=f"2026-11-21-{version * 12}", images=images, run_id=f"run-{version}", version=version,
        promoted=promoted, gate=gate,
    )  # fmt: skip
