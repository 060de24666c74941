"""Decides which reporters are trusted, and which of their reports expire, by the reviews of earlier reports. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from model.feedback.reports import AGREEMENT, ANONYMOUS, UserReport
from model.settings import Settings
from model.sources.reports import ACCEPTED

_RIGHT_FOR_AN_ERROR: Final = 10


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

    One error is forgiven, and one more for every ten correct reports. An image counts once, however often it is
    reported. An agreement does not count as correct or wrong, because reporters who lie together would vouch for each
    other.
    """
    found = {(each.client, each.image_sha256, _was_right(each, known)) for each in statements}
    right, wrong = (Counter(client for client, _, was_right in found if was_right is so) for so in (True, False))
    return frozenset(client for client in wrong if wrong[client] > 1 + right[client] // _RIGHT_FOR_AN_ERROR)


def count_entered(statements: Iterable[UserReport], *, since: datetime) -> Counter[str]:
    """Count for each reporter the images accepted after `since` by an agreement that the reporter was part of."""
    agreed = (each for each in statements if each.holds and each.reviewed_by == AGREEMENT)
    entered = {(each.client, each.image_sha256) for each in agreed if each.reviewed_at and each.reviewed_at > since}
    return Counter(client for client, _ in entered)


def find_expired_reports(statements: Iterable[UserReport], *, since: datetime) -> list[UserReport]:
    """Find the reports reviewed before `since` that no rule needs any more.

    1. An accepted report never expires, because whoever withdraws it must still have the image withdrawn.
    2. A report with a key that a reviewer or a known label has judged never expires. It counts for or against its
       reporter. Of several reports that say the same of an image, one is kept.
    3. All other reviewed reports expire. An agreement counts only for images that it brought in since then
       (`count_entered`).
    """
    reviewed = (each for each in statements if each.review is not None and each.review != ACCEPTED)
    old = (each for each in reviewed if (each.reviewed_at or each.reported_at) < since)
    told: set[tuple[str, str, str, bool]] = set()
    expired: list[UserReport] = []
    for each in old:
        what = (each.client, each.image_sha256, each.label, each.holds)
        if each.client == ANONYMOUS or not each.was_looked_at or what in told:
            expired.append(each)
        else:
            told.add(what)
    return expired


def _was_right(said: UserReport, known: Mapping[str, str]) -> bool | None:
    if said.was_looked_at:
        return said.holds
    return said.label == known[said.image_sha256] if said.image_sha256 in known else None
