"""The record of a drill: what happened when a generator appeared that the detector did not know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from model.estimate import Estimate
from model.labels import AI, CLASSES, REAL
from model.monitoring.terms import Signal
from model.record import Record

Phase = Literal["before", "during", "after"]
"""Until the newcomer appears, while the detector that does not know it is in service, and with the one that does."""

StepName = Literal[
    "ordinary traffic", "incident", "reports", "review", "ingestion", "training", "judgement", "swap", "traffic again"
]
"""The parts of a drill, in their order: 'swap' ends with the first verdict of the retrained detector."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A verdict of the service on an image whose origin is known, `generator` None for a real one.

    `seconds` are those since the drill began, `called` is the label of the verdict, `version` the one that gave it.
    """

    seconds: float
    generator: str | None
    probability: float
    called: str
    version: str

    @property
    def right(self) -> bool:
        """Whether the verdict names the class of the image."""
        return self.called == CLASSES[REAL if self.generator is None else AI]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A result of the service's monitor, and how many images of the newcomer it had been sent by then.

    `suspects` counts the images that the monitor points to, and `suspects_new` how many of them the newcomer made.
    `accuracy` is the monitor's estimate, made without labels; `truth` is what the labels say about the same images.
    """

    seconds: float
    newcomers: int
    state: str
    attribution: str
    reason: str
    signals: tuple[Signal, ...]
    accuracy: Estimate | None
    truth: float
    suspects: int
    suspects_new: int

    @property
    def alarm(self) -> bool:
        """Whether it says that a new generator is there."""
        return self.state == "drifting" and self.attribution == "new_generator"


@dataclass(frozen=True)
class Suspect:
    """An image that the first alarm pointed to: its picture (the address of a WebP) and the verdict on it."""

    picture: str
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """What people made of it: `reports` on `images`, of which the review accepted some; `agreement` had to agree."""

    images: int
    reporters: int
    reports: int
    agreement: int
    accepted: int


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A detector that was trained: on what, in which run, what the gate said, and the version it became."""

    dataset_version: str
    images: int
    run_id: str
    version: str
    promoted: bool
    gate: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """A part of the drill, in seconds since it began."""

    name: StepName
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


@dataclass(frozen=True, kw_only=True)
class Drill(Record):
    """One exercise. What it did not get to is None or empty.

    `asked` is why a training was asked for, `fault` what ended the drill early.
    """

    kind: ClassVar = "record of a drill"

    id: str
    began_at: datetime
    newcomer: str
    known: tuple[str, ...]
    model_name: str
    before: Learnt
    steps: tuple[Step, ...] = ()
    answers: tuple[Answer, ...] = ()
    readings: tuple[Reading, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    asked: str | None = None
    labelling: Labelling | None = None
    after: Learnt | None = None
    fault: str | None = None

    @property
    def alarm(self) -> Reading | None:
        """The first reading that says so when it is true."""
        return next((reading for reading in self.readings if reading.alarm and reading.newcomers), None)

    def step(self, name: StepName) -> Step | None:
        """Return a part of the drill, None when it was not got to."""
        return next((step for step in self.steps if step.name == name), None)

    def answers_in(self, phase: Phase, *, by: Iterable[str | None] | None = None) -> list[Answer]:
        """Return the verdicts of a phase, all or only those on the images of some generators (None: real ones)."""
        wanted = None if by is None else set(by)
        chosen = (each for each in self.answers if self._phase_of(each) == phase)
        return [each for each in chosen if wanted is None or each.generator in wanted]

    def _phase_of(self, answer: Answer) -> Phase:
        incident = self.step("incident")
        if incident is None or answer.seconds < incident.begin:
            return "before"
        return "during" if answer.version == self.before.version else "after"
