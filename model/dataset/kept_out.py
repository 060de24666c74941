"""KeptOut: which images tombstones keep out of the lake and its versions, with all that is the same picture."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

import pandas as pd

from model.sources.neutralise import former_origin, former_origins
from model.sources.reports import SOURCE as REPORTS

EVERYWHERE: Final = "everywhere"
"""The image is kept out whatever brings it, as an operator wants."""

REPORTED: Final = "reported"
"""The image is kept out as the copy that came by a report, as a reporter wants; other sources may bring it."""

LOOKED_AT: Final = ("sha256", "pixel_hash", "source", "origin")
"""What of an image decides whether it is kept out."""

_Place = tuple[str, str]


@dataclass(frozen=True)
class KeptOut:
    """The hashes of bytes and pixels that tombstones name: for all sources, and for what came by reports alone.

    A place is a source and an origin. `plain` are the places of images that came as they are and are kept out: what
    neutralising makes of them is kept out too. `neutralised` are the places that neutralised images were made of.
    """

    everywhere: frozenset[str]
    reported: frozenset[str]
    plain: frozenset[_Place] = frozenset()
    neutralised: frozenset[_Place] = frozenset()

    @classmethod
    def of(cls, tombstones: pd.DataFrame) -> Self:
        """Return what the `tombstones` keep out."""
        reported = tombstones["scope"] == REPORTED
        return cls(_hashes(tombstones[~reported]), _hashes(tombstones[reported]))

    def with_neutralised(self, scan: Callable[[], Iterable[pd.DataFrame]]) -> Self:
        """Return it with what neutralising made of these images, and with what it had made them of.

        Each `scan` yields the images of a lake, some or all at a time, with the columns of LOOKED_AT. What belongs
        together is told by source and origin: of a file that was replaced, what either became is kept out.
        """
        if not self.everywhere:
            return self
        ours = replace(self, reported=frozenset())
        places: set[tuple[str, str, str | None]] = set()
        for images in scan():
            held = images[ours.mark(images)]
            places |= {*zip(held["source"], held["origin"], map(former_origin, held["origin"]), strict=True)}
        widened = replace(
            self,
            plain=frozenset((source, origin) for source, origin, _ in places),
            neutralised=frozenset((source, former) for source, _, former in places if former is not None),
        )
        others: set[str] = set()
        for images in scan() if places else ():
            found = images[widened._mark_places(images)]
            others |= {*found["sha256"], *found["pixel_hash"].dropna()}
        return replace(widened, everywhere=self.everywhere | others)

    def holds(self, sha256: str, pixel_hash: str | None, source: str, origin: str = "") -> bool:
        """Whether an image from a source is kept out."""
        hashes = {sha256, pixel_hash}
        if (source, origin) in self.neutralised or (source, former_origin(origin)) in self.plain:
            return True
        return not hashes.isdisjoint(self.everywhere) or (source == REPORTS and not hashes.isdisjoint(self.reported))

    def mark(self, images: pd.DataFrame) -> pd.Series:
        """Mark the images (columns `sha256`, `pixel_hash` and `source`) that are kept out."""

        def named(hashes: frozenset[str]) -> pd.Series:
            return images["sha256"].isin(hashes) | images["pixel_hash"].isin(hashes)

        return named(self.everywhere) | (named(self.reported) & (images["source"] == REPORTS))

    def _mark_places(self, images: pd.DataFrame) -> pd.Series:
        """Mark the images (columns `source` and `origin`) that have to do with images kept out by neutralising."""
        former = former_origins(images["origin"])

        def at(origins: pd.Series, places: frozenset[_Place]) -> pd.Series:
            likely = origins[origins.isin([origin for _, origin in places])]  # mostly none, and quickly told
            pairs = zip(images.loc[likely.index, "source"], likely, strict=True)
            found = [row for row, pair in zip(likely.index, pairs, strict=True) if pair in places]
            return pd.Series(images.index.isin(found), index=images.index)

        return at(images["origin"], self.neutralised) | at(former, self.plain)


def _hashes(tombstones: pd.DataFrame) -> frozenset[str]:
    """Return what must not come back: the hashes of the bytes, and those of the pixels where they are known."""
    return frozenset({*tombstones["sha256"], *tombstones["pixel_hash"].dropna()})
