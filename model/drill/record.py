"""Defines the record of a drill, in which a generator appears that the detector does not know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from model.estimate import Estimate
from model.labels import AI, CLASSES, REAL
from model.monitoring.terms import Signal
from model.record import Record

Phase = Literal["before", "during", "after"]
"""The three phases of a drill.

- before: until the newcomer appears.
- during: the newcomer has appeared, and the detector in service does not know it.
- after: the detector in service knows the newcomer.
"""

StepName = Literal[
    "ordinary traffic", "incident", "reports", "review", "ingestion", "training", "judgement", "swap", "traffic again"
]
"""The parts of a drill, in order. 'swap' ends with the first verdict of the retrained detector."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A verdict of the service on an image of known origin; `generator` is None for a real image.

    `seconds` count from the start of the drill. `probability` is that of AI, 0 to 1. `called` is the label of the
    verdict, and `version` the version of the detector that gave it.
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
    """A result of the service's monitor, and the number of the newcomer's images sent by then (`newcomers`).

    `suspects` counts the images that the monitor points to; `suspects_new` counts those made by the newcomer.
    `accuracy` is the monitor's estimate without labels, None if `not_estimable` says why there is none. `truth` is the
    real accuracy on the same images, 0 to 1.
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
    not_estimable: str | None = None

    @property
    def alarm(self) -> bool:
        """Whether the monitor suspects a new generator."""
        return self.state == "drifting" and self.attribution == "new_generator"


@dataclass(frozen=True)
class Suspect:
    """An image that the first alarm pointed to: its picture (a data URL of a WebP) and its verdict."""

    picture: str
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Counts of the users' reports: `reports` on `images`, of which `accepted` were accepted.

    `agreement` is how many reporters had to agree on an image.
    """

    images: int
    reporters: int
    reports: int
    agreement: int
    accepted: int


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A trained detector: its dataset version, run, registered version, and the outcome of the gate."""

    dataset_version: str
    images: int
    run_id: str
    version: str
    promoted: bool
    gate: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """A part of the drill; `begin` and `end` are seconds since the drill began."""

    name: StepName
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long the part took."""
        return self.end - self.begin


@dataclass(frozen=True, kw_only=True)
class Drill(Record):
    """One drill. Fields of parts that it did not reach are None or empty.

    `asked` is the reason for which a training was asked for; `fault` is the error that ended the drill early.
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
        """The first true alarm: the first reading that suspects a new generator after one appeared."""
        return next((reading for reading in self.readings if reading.alarm and reading.newcomers), None)

    def step(self, name: StepName) -> Step | None:
        """Return a part of the drill; None if the drill did not reach it."""
        return next((step for step in self.steps if step.name == name), None)

    def answers_in(self, phase: Phase, *, by: Iterable[str | None] | None = None) -> list[Answer]:
        """Return the verdicts of a phase; with `by`, only those on images of these generators (None: real images)."""
        wanted = None if by is None else set(by)
        chosen = (each for each in self.answers if self._phase_of(each) == phase)
        return [each for each in chosen if wanted is None or each.generator in wanted]

    def _phase_of(self, answer: Answer) -> Phase:
        incident = self.step("incident")
        if incident is None or answer.seconds < incident.begin:
            return "before"
        return "during" if answer.version == self.before.version else "after"
