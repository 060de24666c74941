"""Chooses the predictions that drift is measured on, so that no client has more than a share of them. Pure.

1. The newest predictions are chosen, each image once.
2. If several clients send, one client has at most half of the window while the others can fill the rest.
3. All clients without a key count as one.
4. In a time slice, clients without a key have at most twice an even share. So a burst displaces no earlier images.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

REACHES: Final = tuple(timedelta(hours=hours) for hours in (1, 3, 12, 48, 168, 720))
"""How far back a window may reach. The shortest reach that fills the window is used."""

SLICES: Final = 50
"""How many time slices a reach is divided into."""


@dataclass(frozen=True)
class Candidate:
    """What the choice needs to know of a prediction: its id, its time (UTC), its client, and the hash of its image."""

    id: str
    at: datetime
    client: str
    image_sha256: str


@dataclass(frozen=True)
class FairWindow:
    """A window of `most` predictions that were given up to `until`; `anonymous` names the clients without a key."""

    most: int
    until: datetime
    anonymous: str

    @property
    def share_of_slice(self) -> int:
        """How many predictions of clients without a key a time slice may have: twice an even share."""
        return -(-2 * self.most // SLICES)

    def slices(self, reach: timedelta) -> list[tuple[datetime, datetime]]:
        """Return the beginning and the end of each time slice of a reach, the newest first."""
        width = reach / SLICES
        return [(self.until - (number + 1) * width, self.until - number * width) for number in range(SLICES)]

    def choose(self, candidates: Collection[Candidate]) -> list[Candidate]:
        """Choose among all candidates, and return the chosen ones newest first.

        1. The window has the shortest reach at which it is filled within all shares.
        2. If no reach fills it, candidates of all times are chosen, in slices of the width that leaves the least room.
           The newest candidates above a share fill the room.
        """
        ordered = _each_image_once(self._newest_first(candidates))
        clients = {one.client for one in ordered}
        if len(clients) == 1 and self.anonymous not in clients:
            return ordered[: self.most]
        for reach in REACHES:
            near = [one for one in ordered if self.until - one.at < reach]
            within, _ = self._divide(near, clients, reach)
            if len(within) == self.most:
                return within
        divided = [self._divide(ordered, clients, reach) for reach in reversed(REACHES)]
        within, above = max(divided, key=lambda parts: len(parts[0]))
        return self._newest_first([*within, *above[: self.most - len(within)]])

    def is_filled(self, candidates: Collection[Candidate], reach: timedelta) -> bool:
        """Return whether the candidates within a reach, and within all shares, fill the window."""
        near = [one for one in candidates if self.until - one.at < reach]
        clients = {one.client for one in candidates}
        within, _ = self._divide(_each_image_once(self._newest_first(near)), clients, reach)
        return len(within) == self.most

    def _divide(
        self, ordered: Iterable[Candidate], clients: Collection[str], reach: timedelta
    ) -> tuple[list[Candidate], list[Candidate]]:
        """Return the candidates within all shares, until the window is full, and the candidates above a share."""
        share = self.most if len(clients) == 1 else -(-self.most // 2)
        width = reach / SLICES
        of_client, of_slice = Counter[str](), Counter[int]()
        within: list[Candidate] = []
        above: list[Candidate] = []
        for one in ordered:
            if len(within) == self.most:
                break
            moment = (self.until - one.at) // width if one.client == self.anonymous else -1
            if of_client[one.client] >= share or (moment >= 0 and of_slice[moment] >= self.share_of_slice):
                above.append(one)
            else:
                within.append(one)
                of_client[one.client] += 1
                of_slice[moment] += 1
        return within, above

    def _newest_first(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda one: (self.until - one.at, one.id))


def _each_image_once(ordered: Iterable[Candidate]) -> list[Candidate]:
    """Keep the first candidate of each image."""
    kept: dict[str, Candidate] = {}
    for one in ordered:
        kept.setdefault(one.image_sha256, one)
    return list(kept.values())
