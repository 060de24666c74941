"""Decides which reporters are trusted, and which of their reports expire, by the reviews of earlier reports. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import comb
from typing import Final, Self

from model.feedback.reports import AGREEMENT, ANONYMOUS, KNOWN, UserReport
from model.settings import Settings
from model.sources.reports import ACCEPTED

_BEGINNING: Final = 30
"""Correct reports with which every reporter begins, because an operator gave the key. The beta prior is (30, 1)."""
_RELIABLE: Final = 0.85
"""Least share of correct reports of a trusted reporter, with a probability of 95 %."""
_DOUBT: Final = 0.05
_MOST_CREDIT: Final = 50
"""Most images for which a reporter gets credit: a long record does not buy many lies."""


@dataclass(frozen=True, kw_only=True)
class VotingLimits:
    """How many reporters must agree, and how many `images` each may help to bring in within `days` days."""

    agreement: int
    images: int
    days: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the limits from the settings."""
        return cls(
            agreement=settings.feedback_agreement,
            images=settings.feedback_per_reporter,
            days=settings.prediction_days,
        )


def find_mistrusted(statements: Iterable[UserReport], known: Mapping[str, str]) -> frozenset[str]:
    """Find the reporters who erred too often, by a reviewer's decision or the `known` label of an image's hash.

    A reporter is trusted while the share of correct reports is at least 85 %, with a probability of 95 %. The share has
    a beta distribution: 30 correct reports to begin with, then images, each once.

    1. One error is forgiven at once, a second one after 8 correct reports, a third one after 17.
    2. An error counts, whoever found it. A correct report counts only if a reviewer decided on the image later. So
       images that the lake knows give no credit, because public data sets are known to everyone. Nor does an image on
       which a person has decided before.
    3. An image on which a reporter was also wrong gives no credit. At most 50 images give credit.
    4. An agreement counts for nothing, because reporters who lie together would vouch for each other.
    """
    said = list(statements)
    decided = _when_decided(said)
    right: defaultdict[str, set[str]] = defaultdict(set)
    wrong: defaultdict[str, set[str]] = defaultdict(set)
    for each in said:
        was_right = _was_right(each, known)
        if was_right is False:
            wrong[each.client].add(each.image_sha256)
        elif was_right and each.image_sha256 in decided and each.reported_at <= decided[each.image_sha256]:
            right[each.client].add(each.image_sha256)
    return frozenset(
        client for client, images in wrong.items() if not _is_reliable(len(right[client] - images), len(images))
    )


def count_entered(statements: Iterable[UserReport], *, since: datetime) -> Counter[str]:
    """Count for each reporter the images accepted after `since` by an agreement that the reporter was part of."""
    agreed = (each for each in statements if each.holds and each.reviewed_by == AGREEMENT)
    entered = {(each.client, each.image_sha256) for each in agreed if each.reviewed_at and each.reviewed_at > since}
    return Counter(client for client, _ in entered)


def find_expired_reports(statements: Iterable[UserReport], *, since: datetime) -> list[UserReport]:
    """Find the reports reviewed before `since` that no rule needs any more.

    1. An accepted report never expires, because whoever withdraws it must still have the image withdrawn.
    2. A report with a key that counts for or against its reporter never expires. Of several reports that say the same
       of an image, the first is kept.
    3. All other reviewed reports expire. An agreement counts only for images that it brought in since then
       (`count_entered`).
    """
    reviewed = (each for each in statements if each.review is not None and each.review != ACCEPTED)
    old = (each for each in reviewed if (each.reviewed_at or each.reported_at) < since)
    told: set[tuple[str, str, str, bool]] = set()
    expired: list[UserReport] = []
    for each in sorted(old, key=lambda each: (each.reported_at, each.id)):
        what = (each.client, each.image_sha256, each.label, each.holds)
        counts = each.was_looked_at and not (each.holds and each.reviewed_by == KNOWN)
        if each.client == ANONYMOUS or not counts or what in told:
            expired.append(each)
        else:
            told.add(what)
    return expired


def _is_reliable(right: int, wrong: int) -> bool:
    """Tell whether the share of correct reports is at least _RELIABLE, but for a chance of _DOUBT.

    The share is below x with the chance that at least a of a + b - 1 trials succeed, each with probability x. Here a
    and b are the whole numbers of the beta distribution.
    """
    successes = _BEGINNING + min(right, _MOST_CREDIT)
    trials = successes + min(wrong, _MOST_CREDIT)
    below = (
        comb(trials, each) * _RELIABLE**each * (1 - _RELIABLE) ** (trials - each)
        for each in range(successes, trials + 1)
    )
    return sum(below) <= _DOUBT


def _when_decided(statements: Iterable[UserReport]) -> dict[str, datetime]:
    """Return when a reviewer first decided on each image."""
    decided: dict[str, datetime] = {}
    for each in statements:
        if each.was_looked_at and each.reviewed_by != KNOWN and each.reviewed_at is not None:
            decided[each.image_sha256] = min(decided.get(each.image_sha256, each.reviewed_at), each.reviewed_at)
    return decided


def _was_right(said: UserReport, known: Mapping[str, str]) -> bool | None:
    if said.was_looked_at:
        return said.holds
    return said.label == known[said.image_sha256] if said.image_sha256 in known else None
