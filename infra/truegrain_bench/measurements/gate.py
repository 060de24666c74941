"""Measures how often the gate errs: simulated years of retrainings, judged by the gate's own rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from model.detectors.calibration import calibrate
from model.estimate import Estimate
from model.evaluation.gate.champion import judge_falls
from model.evaluation.gate.deciding import choose_deciding
from model.evaluation.gate.policy import read_policy
from model.evaluation.gate.proof import Trial, judge_proofs
from model.evaluation.report import Degraded, Latency, Predictions, Report
from model.metrics import proportion
from truegrain_bench.results.results import Figure

COMMAND: Final = "make bench"
POLICY: Final = read_policy()

ROUNDS: Final = 26
TRIES: Final = 10
IMAGES: Final = 1_000
GROWTH: Final = 100
"""A year of retrainings every two weeks, on a test split of so many images that grows by so many each time."""

YEARS: Final = 200
SERIES: Final = 100
PAIRS: Final = 150
"""How many years are simulated, how many series of tries, and how many single decisions."""

_ACCURACY: Final = 0.95
"""The true accuracy of the champion; two such detectors disagree on 6.5 % of the images."""
_WORSE: Final = 0.01
_HARD: Final = 0.12
"""Share of images that are hard for every detector; on the others it is right with the next number."""
_EASY_RIGHT: Final = 0.995

Column = NDArray[np.bool_]


@dataclass
class World:
    """A test split that grows, and the detector in production: on which images it is right."""

    random: np.random.Generator
    hard: Column = field(default_factory=lambda: np.zeros(0, bool))
    champion: Column = field(default_factory=lambda: np.zeros(0, bool))
    chose: frozenset[str] = frozenset()
    tries: int = 0

    def grow(self, images: int) -> None:
        """Add images to the test split, which the champion judges, too."""
        hard = self.random.random(images) < _HARD
        self.hard = np.concatenate([self.hard, hard])
        self.champion = np.concatenate([self.champion, self._answer(hard, _ACCURACY)])

    def try_one(self, accuracy: float) -> bool:
        """Train a detector of that true accuracy, and put it into production if it passes; return whether it does."""
        challenger = self._answer(self.hard, accuracy)
        self.tries += 1
        labels, answered = np.arange(len(self.hard)) % 2, np.ones(len(self.hard), bool)
        ours, theirs = (make_report(labels, right, answered) for right in (challenger, self.champion))
        passed, deciding = passes(ours, theirs, chose=self.chose, number=self.tries)
        if passed:
            self.champion, self.chose, self.tries = challenger, deciding, 0
        return passed

    def _answer(self, hard: Column, accuracy: float) -> Column:
        right = (accuracy - (1 - _HARD) * _EASY_RIGHT) / _HARD
        answers: Column = self.random.random(len(hard)) < np.where(hard, right, _EASY_RIGHT)
        return answers


def passes(ours: Report, theirs: Report, *, chose: frozenset[str], number: int) -> tuple[bool, frozenset[str]]:
    """Return whether a challenger passes every rule of comparison, and the images that decided."""
    limits = POLICY.champion
    deciding = choose_deciding(ours.predictions, chose=chose, share=limits.deciding_share)
    trial = Trial.against_champion(deciding, number, limits)
    rules = [proof.rule for proof in judge_proofs(ours, theirs, limits, trial)]
    rules += judge_falls(ours, theirs, POLICY, trial)
    return all(rule.passed for rule in rules), deciding.images


def make_report(labels: NDArray[np.integer], right: Column, answered: Column) -> Report:
    """Return a report by columns [n]; `right` and `answered` say so of each image, and all are the same group."""
    good = Estimate(1.0, 1.0, 1.0)
    rows, count = len(labels), int(answered.sum())
    called = np.where(right, labels, 1 - labels).astype(float)
    sha256 = tuple(map(str, range(rows)))
    groups = {"source": ("all",) * rows}
    columns = tuple(labels.tolist()), tuple(called.tolist())
    predictions = Predictions(sha256, *columns, groups, answered=tuple(answered.tolist()))
    return Report(
        dataset_version="simulated",
        split="test",
        rows=rows,
        onnx_sha256="simulated",
        threshold=0.5,
        overall={
            "answered": proportion(count, rows),
            "answered_error": proportion(int((answered & ~right).sum()), count),
        },
        slices=(),
        latency=Latency(1.0, 1.0),
        size_bytes=1,
        predictions=predictions,
        robustness=(Degraded("none", rows, good, good, good),),
        stable=good,
    )


def simulated_years() -> Iterator[Figure]:
    """Simulate years in which all detectors are equal, and series of tries of a detector that is a point worse."""
    random = np.random.default_rng(20)
    passed, surplus = [], []
    for _ in range(YEARS):
        world = World(random)
        passed.append(_live_through(world, ROUNDS))
        surplus.append(world.champion.mean() - _ACCURACY)
    first, last = (np.mean([year[part] for year in passed]) for part in (slice(3), slice(-8, None)))
    yield Figure("gate.equal_promotion", round(float(100 * last), 1), "%", COMMAND)
    yield Figure("gate.equal_promotion_first", round(float(100 * first), 1), "%", COMMAND)
    yield Figure("gate.champion_bias", round(float(100 * np.mean(surplus)), 2), "points", COMMAND)
    worse = np.mean([_try_often(random, _ACCURACY - _WORSE) for _ in range(SERIES)])
    yield Figure("gate.false_promotion", round(float(100 * worse), 1), "%", COMMAND)
    better = np.mean([_try_often(random, _ACCURACY + _WORSE) for _ in range(SERIES)])
    yield Figure("gate.better_promotion", round(float(100 * better), 1), "%", COMMAND)


def single_decisions() -> Iterator[Figure]:
    """Count refusals of more false alarms, and promotions of honest detectors against an over-confident champion."""
    random = np.random.default_rng(21)
    more = np.mean([not passes(*_more_false_alarms(random), chose=frozenset(), number=1)[0] for _ in range(PAIRS)])
    yield Figure("gate.false_alarms_refused", round(float(100 * more), 1), "%", COMMAND)
    honest = np.mean([passes(*_overconfident_champion(random), chose=frozenset(), number=1)[0] for _ in range(PAIRS)])
    yield Figure("gate.overconfident_replaced", round(float(100 * honest), 1), "%", COMMAND)


def gate_rates() -> Iterator[Figure]:
    """Simulate years of retrainings, and single decisions."""
    yield from simulated_years()
    yield from single_decisions()


def _live_through(world: World, rounds: int) -> list[bool]:
    """Return whether the detector of each retraining was promoted."""
    world.grow(IMAGES)
    promoted = []
    for _ in range(rounds):
        world.grow(GROWTH)
        promoted.append(world.try_one(_ACCURACY))
    return promoted


def _try_often(random: np.random.Generator, accuracy: float) -> bool:
    world = World(random)
    world.grow(IMAGES)
    for _ in range(TRIES):
        world.grow(GROWTH)
        if world.try_one(accuracy):
            return True
    return False


def _more_false_alarms(random: np.random.Generator) -> tuple[Report, Report]:
    """Return reports on 2,000 images: false alarms of 4 % against 1.6 %, and a new generator that is now found.

    Half of the images are as hard for one detector as for the other.
    """
    labels = np.repeat([0, 1], 1_000)
    new = np.arange(2_000) >= 1_700
    common, shared = random.random(2_000) < 0.5, random.random(2_000)

    def draw(false_alarms: float, recall: float, recall_of_new: float) -> Report:
        share = np.where(labels == 0, 1 - false_alarms, np.where(new, recall_of_new, recall))
        right = np.where(common, shared, random.random(2_000)) < share
        return make_report(labels, right, np.ones(2_000, bool))

    return draw(0.04, 0.98, 0.97), draw(0.016, 0.98, 0.5)


def _overconfident_champion(random: np.random.Generator) -> tuple[Report, Report]:
    """Return reports on 2,000 images, a tenth of them by a generator that the champion has never seen.

    Scores are Gaussian, so that the exact probabilities are known. Thresholds and bands are those of `calibrate`, on
    validation images as each detector had them: the champion's hold no new generator.
    """
    sizes = {"real": 1_000, "old": 800, "new": 200}
    kinds = np.repeat(np.arange(3), list(sizes.values()))
    shared = random.normal(size=len(kinds))
    labels = (kinds > 0).astype(int)

    def draw(means: tuple[float, float, float], counts: tuple[int, int, int]) -> Report:
        weights = np.array(counts) / sum(counts)

        def score(kind: NDArray[np.integer], common: NDArray[np.floating]) -> NDArray[np.floating]:
            found = np.array(means)[kind] + 0.8 * common + 0.6 * random.normal(size=len(kind))
            density = [norm.pdf(found, mean) * weight for mean, weight in zip(means, weights, strict=True)]
            probability: NDArray[np.floating] = (density[1] + density[2]) / sum(density)
            return probability

        seen = np.repeat(np.arange(3), counts)
        calibration = calibrate(score(seen, random.normal(size=len(seen))), (seen > 0).astype(int))
        probability = score(kinds, shared)
        low, high = calibration.band
        answered = (probability < low) | (probability > high)
        return make_report(labels, (probability >= calibration.threshold) == (labels == 1), answered)

    return draw((0, 4.2, 2.4), (1_000, 800, 200)), draw((0, 4.2, 0.5), (1_000, 800, 0))
