"""Settles the reports of users by agreement, and chooses the images that a person is asked about. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from model.feedback.reporters import VotingLimits, count_entered, find_mistrusted
from model.feedback.reports import AGREEMENT, ANONYMOUS, KNOWN, REVIEWER, UserReport
from model.labels import CLASSES

Said = tuple[UserReport, ...]
"""All statements about one image, at least one, the oldest first."""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """Whether it `holds` that an image is of class `label`.

    `by` says what decided: AGREEMENT, KNOWN, or REVIEWER followed by a name.
    """

    image_sha256: str
    label: str
    holds: bool
    by: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """An image that a person must decide on, with all statements about it, and the reason for asking."""

    image_sha256: str
    statements: Said
    reason: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """The result of a review: `rulings`, `questions` for a person, and how many images wait for their file.

    `without_file` counts the images whose file nobody has sent.
    """

    rulings: tuple[Ruling, ...]
    questions: tuple[Question, ...]
    without_file: int

    @property
    def accepted(self) -> int:
        """How many images had reports accepted by agreement."""
        return sum(ruling.by == AGREEMENT for ruling in self.rulings)


def review(
    statements: Collection[UserReport], *, known: Mapping[str, str], influence: VotingLimits, now: datetime
) -> Review:
    """Settle the reports that need no person; ask a person about the rest.

    `known` maps the hash of an image to its label, for images from other sources than reports. Reports on the same file
    count together, whichever predictions they are about. Images are taken in the order of their oldest reports. For
    each image the first rule that applies decides:

    1. Its label is known, a reviewer has decided, or there is an undisputed agreement: the reports are settled by it.
    2. Nobody has sent the file with consent: the image waits.
    3. Anybody disagrees, even with an earlier agreement: a person is asked.
    4. Enough reporters agree: the reports are accepted. A reporter counts once per image, by API key. Anonymous,
       mistrusted (`find_mistrusted`) and used-up (`VotingLimits.images`) reporters do not count.
    5. Otherwise a person is asked.
    """
    mistrusted = find_mistrusted(statements, known)
    entered = count_entered(statements, since=now - timedelta(days=influence.days))
    rulings: list[Ruling] = []
    questions: list[Question] = []
    without_file = 0
    for said in _group(statements):
        stands = _find_standing(said, known.get(said[0].image_sha256))
        waiting = [each for each in said if each.review is None]
        rulings += [stands[label] for label in sorted({each.label for each in waiting} & stands.keys())]
        open_ = [each for each in waiting if each.label not in stands]
        if not open_:
            continue
        if not any(each.kept for each in said):
            without_file += 1
            continue
        full = {each.client for each in open_ if entered[each.client] >= influence.images}
        reason = _why_ask(said, open_, influence, mistrusted=mistrusted, full=full)
        if reason:
            voices = tuple(each for each in said if not each.withdrawn)
            questions.append(Question(image_sha256=said[0].image_sha256, statements=voices, reason=reason))
        else:
            rulings.append(_rule(open_[0], holds=True, by=AGREEMENT))
            entered.update({each.client for each in open_})
    return Review(rulings=tuple(rulings), questions=tuple(questions), without_file=without_file)


def is_borne(said: Iterable[UserReport], *, agreement: int) -> bool:
    """Tell whether these reports on one image are enough to accept it.

    They are if a person found them right, or `agreement` reporters with a key agree. One of them must hold the file.
    """
    holding = [each for each in said if each.holds and not each.withdrawn]
    named = {each.client for each in holding} - {ANONYMOUS}
    found = len(named) >= agreement or any(each.was_looked_at for each in holding)
    return found and any(each.kept for each in holding)


def answer(image_sha256: str, label: str | None, *, by: str) -> list[Ruling]:
    """Return a ruling for each class: the reviewer `by` found an image to be of class `label`, or of no use (None)."""
    return [
        Ruling(image_sha256=image_sha256, label=each, holds=each == label, by=f"{REVIEWER}{by}") for each in CLASSES
    ]


def _group(statements: Iterable[UserReport]) -> list[Said]:
    by_image: defaultdict[str, list[UserReport]] = defaultdict(list)
    for each in sorted(statements, key=lambda each: (each.reported_at, each.id)):
        by_image[each.image_sha256].append(each)
    return [tuple(said) for said in by_image.values()]


def _find_standing(said: Said, truth: str | None) -> dict[str, Ruling]:
    """Return the rulings on an image by label: by its known label, else a reviewer, else an undisputed agreement."""
    image = said[0].image_sha256
    if truth is not None:
        return {label: Ruling(image_sha256=image, label=label, holds=label == truth, by=KNOWN) for label in CLASSES}
    looked_at = {each.label: each for each in said if each.was_looked_at}
    if any(each.holds for each in looked_at.values()):  # so it is of no other class
        by = next(each.reviewed_by for each in looked_at.values() if each.holds) or REVIEWER
        right = {label for label, each in looked_at.items() if each.holds}
        return {label: Ruling(image_sha256=image, label=label, holds=label in right, by=by) for label in CLASSES}
    if looked_at:
        return {label: _rule(each, holds=False, by=each.reviewed_by or REVIEWER) for label, each in looked_at.items()}
    disputed = len({each.label for each in said if not each.withdrawn}) > 1
    agreed = [each for each in said if each.holds and not each.withdrawn]
    return {} if disputed else {each.label: _rule(each, holds=True, by=AGREEMENT) for each in agreed[:1]}


def _why_ask(
    said: Said, open_: Iterable[UserReport], influence: VotingLimits, *, mistrusted: Set[str], full: Set[str]
) -> str:
    """Return why a person must be asked; '' if the reporters agree and may settle the image."""
    voices = {(each.client, each.label) for each in said if each.review is None or (each.holds and not each.withdrawn)}
    labels = Counter(label for _, label in voices)
    if len(labels) > 1:
        return "disputed: " + ", ".join(f"{count} say {label}" for label, count in sorted(labels.items()))
    named = {each.client for each in open_} - {ANONYMOUS}
    if len(named - mistrusted - full) >= influence.agreement:
        return ""
    if len(named) < influence.agreement:
        return f"{len(named)} of {influence.agreement} required reporters with a key agree"
    erred = f"{len(named & mistrusted)} erred too often before"
    return f"{len(named)} reporters agree, but {erred}, {len(named & full)} have had {influence.images} images accepted"


def _rule(said: UserReport, *, holds: bool, by: str) -> Ruling:
    return Ruling(image_sha256=said.image_sha256, label=said.label, holds=holds, by=by)
