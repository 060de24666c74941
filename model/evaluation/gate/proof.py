"""The gate's rules that demand proof: on the deciding images, no more than a margin may be lost."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.evaluation.gate.deciding import Deciding
from model.evaluation.gate.paired import Paired
from model.evaluation.gate.policy import WIDEN, AgainstChampion
from model.evaluation.gate.rule import Rule, percent, points
from model.evaluation.gate.spending import count_needed, in_words, level_of
from model.evaluation.report import Report
from model.labels import AI, REAL

_EVEN: Final = 0.5
_DECISIVE: Final = "accuracy"


@dataclass(frozen=True)
class Trial:
    """The images that decide, the `number` of the decision against this champion, and the levels of certainty.

    `level` is the chance of error that this decision may have; `next_level` is that of the decision after it. `who`
    names the other detector in the rules.
    """

    deciding: Deciding
    number: int
    level: float
    next_level: float
    who: str = "champion"

    @classmethod
    def against_champion(cls, deciding: Deciding, number: int, limits: AgainstChampion) -> "Trial":
        """Return decision `number` against the champion: each one has its share of the significance."""
        spent = {"significance": limits.significance, "expected_tries": limits.expected_tries}
        return cls(deciding, number, level_of(number, **spent), level_of(number + 1, **spent))  # type: ignore[arg-type]

    @classmethod
    def against_original(cls, report: Report, limits: AgainstChampion) -> "Trial":
        """Return the one comparison of a variant with its original: nobody was chosen on the images, so all decide."""
        every = Deciding.all_of(report.predictions)
        return cls(every, 1, limits.significance, limits.significance, who="original")


@dataclass(frozen=True)
class Proof:
    """A rule that demands proof. It is `undecided` if it failed for lack of images only.

    `about` names what must be kept, and the margin. `odds` are the odds that more than the margin is lost, in words;
    empty if no image tells. `more` is the number of further test images that would settle the question. It is 0 if
    there are enough, None if no number would.
    """

    rule: Rule
    about: str
    undecided: bool
    odds: str
    more: int | None


@dataclass(frozen=True)
class _Question:
    """What must be proven: of the `rights` on the images marked in `asked`, at most `margin` may be lost.

    `levels` are the chance of error that this decision may have, and the next one.
    """

    name: str
    images: str
    margin: float
    asked: NDArray[np.bool_]
    rights: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    levels: tuple[float, float]


def judge_proofs(ours: Report, theirs: Report, limits: AgainstChampion, trial: Trial) -> Iterator[Proof]:
    """Demand proof that accuracy, false alarms and recall are kept. Both reports must be of the same images.

    Accuracy and recall are those at the threshold. A false alarm is a decision that a real image is AI. So a champion
    that never doubts does not refuse a detector that says 'unsure' in time.

    Accuracy decides: it is judged on the deciding images, and its level is spent over all decisions against the
    champion. The errors of each class are a second line, with wider margins and the same level each time. All images
    that did not choose the champion judge them, because a class has only half of the images.
    """
    labels, order = np.array(ours.predictions.label), ours.predictions.sha256
    rights = get_rights(ours, theirs)
    quiet = ~_column(ours.false_alarm, order), ~_column(theirs.false_alarm, order)
    deciding = np.array([sha256 in trial.deciding.images for sha256 in order])
    chose = np.array([sha256 in trial.deciding.chose for sha256 in order])
    spent, flat = (trial.level, trial.next_level), (limits.significance, limits.significance)
    questions = (
        _Question(_DECISIVE, "images that decide", limits.margin, deciding, rights, spent),
        _Question("false alarms", "real images", limits.false_alarm_margin, ~chose & (labels == REAL), quiet, flat),
        _Question("recall", "AI images", limits.recall_margin, ~chose & (labels == AI), rights, flat),
    )
    clusters = get_clusters(ours)
    for question in questions:
        if not question.asked.any():
            yield _without_images(question, trial)
            continue
        mine, other = question.rights
        pair = Paired.of(mine[question.asked], other[question.asked], clusters[question.asked])
        told = ""
        if question.name == _DECISIVE and chose.any():
            gain = Paired.of(mine[chose], other[chose]).gain
            told = f"; on the {int(chose.sum()):,} that chose the {trial.who}: {points(gain)}"
        yield _prove(question, pair, limits, trial, told)


def get_rights(ours: Report, theirs: Report) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether each detector was right, in the order of our images."""
    order = ours.predictions.sha256
    return _column(ours.correct, order), _column(theirs.correct, order)


def _column(values: Mapping[str, bool], order: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([values[sha256] for sha256 in order], bool)


def get_clusters(report: Report) -> NDArray[np.integer]:
    """Return the cluster of each image; a report from before clusters were kept has each image in one of its own."""
    clusters = report.predictions.cluster or range(len(report.predictions.sha256))
    return np.array(clusters)


def _prove(question: _Question, pair: Paired, limits: AgainstChampion, trial: Trial, beside: str) -> Proof:
    margin, low, odds = question.margin, pair.bound(question.levels[0]), pair.odds_of_loss(question.margin)
    widest = margin * limits.widening if limits.too_few == WIDEN else margin
    more = _count_more(pair, question, trial)
    undecided = False
    if low >= -margin:
        reason = f"proven to lose at most {100 * margin:.2f}"
    elif low >= -widest:
        reason = (
            f"too few images to prove that it loses at most {100 * margin:.2f}; proven to lose at most"
            f" {-100 * low:.2f}, and the policy accepts up to {100 * widest:.2f} as long as images are few"
        )
    elif odds >= _EVEN:
        reason = f"it loses more than {100 * margin:.2f} with odds of {in_words(odds)}"
    else:
        undecided = True
        reason = (
            f"too few images to prove that it loses at most {100 * margin:.2f}; the odds that it loses more are"
            f" {in_words(odds)}; {tell_more(more)}"
        )
    detail = (
        f"{points(pair.gain)} points on {describe(pair, question.images)}, at least {points(low)} with"
        f" {percent(1 - question.levels[0])} certainty: {reason}{beside}"
    )
    name = f"{question.name} against the {trial.who}"
    about = f"{question.name} ({100 * margin:g} {'point' if margin == 0.01 else 'points'})"
    return Proof(Rule(name, low, -margin, low >= -widest, detail), about, undecided, in_words(odds), more)


def _count_more(pair: Paired, question: _Question, trial: Trial) -> int | None:
    """Count the test images that the next decision needs for proof, at the spread seen.

    The gain counts less one standard error, and not at all if that is below zero: then the detectors are taken for
    equal.
    """
    gain = max(0.0, pair.gain - math.sqrt(pair.spread / pair.images))
    needed = count_needed(pair.spread, question.margin + gain, question.levels[1])
    if not math.isfinite(needed):
        return None
    if question.name == _DECISIVE:
        return trial.deciding.count_more(needed)
    free = trial.deciding.total - len(trial.deciding.chose)
    return max(0, round((needed / pair.images - 1) * free))


def describe(pair: Paired, images: str) -> str:
    """Say on how many images a comparison rests, and in how many clusters, if that differs."""
    grouped = f" in {pair.clusters:,} clusters" if pair.clusters != pair.images else ""
    return f"{pair.images:,} {images}{grouped}"


def tell_more(more: int | None) -> str:
    """Say how many further test images would settle a question."""
    if more is None:
        return "with a margin of 0, only a detector that is better can be proven"
    if more == 0:
        return "there are enough images to settle it in 8 of 10 cases between equal detectors"
    step = 10 ** max(0, len(str(more)) - 2)  # two digits say all that is known
    return f"about {math.ceil(more / step) * step:,} more test images would settle it"


def _without_images(question: _Question, trial: Trial) -> Proof:
    deciding = trial.deciding
    if deciding.clusters == 1:
        reason = f"all {deciding.total:,} test images are near-duplicates of each other, so they prove nothing"
    elif deciding.chose:
        reason = f"all of the {deciding.total:,} test images chose the {trial.who}, or resemble one that did"
    else:
        reason = f"there are no {question.images} among {deciding.total:,} test images"
    detail = f"{reason}: ingest new images, of which a share becomes test images"
    rule = Rule(f"{question.name} against the {trial.who}", None, -question.margin, passed=False, detail=detail)
    return Proof(rule, question.name, undecided=False, odds="", more=None)
