"""Says which images the tombstones keep out of the lake and its versions, with all copies of the same picture."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset.membership import among
from model.sources.neutralise import former_origin, former_origins
from model.sources.reports import SOURCE as REPORTS

EVERYWHERE: Final = "everywhere"
"""Scope of an operator's tombstone: the image is kept out, whichever source brings it."""

REPORTED: Final = "reported"
"""Scope of a reporter's tombstone: only copies from reports are kept out; other sources may bring the image."""

LOOKED_AT: Final = ("sha256", "pixel_hash", "source", "origin")
"""The columns of an image that decide whether it is kept out."""

_Place = tuple[str, str]


@dataclass(frozen=True)
class KeptOut:
    """The hashes of bytes and pixels, and the places, that tombstones keep out.

    - `everywhere`: hashes that are kept out of all sources.
    - `reported`: hashes that are kept out of reports only.
    - `plain`: places of images that are kept out; neutralised copies of these images are kept out too.
    - `neutralised`: places of the originals of neutralised images that are kept out; the originals are kept out too.

    A place is a source and an origin.
    """

    everywhere: frozenset[str]
    reported: frozenset[str]
    plain: frozenset[_Place] = frozenset()
    neutralised: frozenset[_Place] = frozenset()

    @classmethod
    def of(cls, tombstones: pd.DataFrame) -> Self:
        """Return the hashes that the `tombstones` keep out, as yet without places."""
        reported = tombstones["scope"] == REPORTED
        return cls(_hashes(tombstones[~reported]), _hashes(tombstones[reported]))

    def with_neutralised(self, scan: Callable[[], Iterable[pd.DataFrame]]) -> Self:
        """Return a copy that also keeps out neutralised copies of these images and originals of neutralised ones.

        Each call of `scan` yields the images of a lake, some or all at a time, with the columns of LOOKED_AT. Copies
        and originals are matched by source and origin. If a file was replaced under the same origin, the copies of both
        contents are kept out.
        """
        if not self.everywhere:
            return self
        ours = replace(self, reported=frozenset())
        places: set[tuple[str, str, str | None]] = set()
        for images in scan():
            held = images[ours.mark(images)]
            former = map(former_origin, held["origin"], held["sha256"])
            places |= {*zip(held["source"], held["origin"], former, strict=True)}
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
        if (source, origin) in self.neutralised or (source, former_origin(origin, sha256)) in self.plain:
            return True
        return not hashes.isdisjoint(self.everywhere) or (source == REPORTS and not hashes.isdisjoint(self.reported))

    def mark(self, images: pd.DataFrame) -> pd.Series:
        """Mark the images (columns `sha256`, `pixel_hash` and `source`) that are kept out."""

        def named(hashes: frozenset[str]) -> NDArray[np.bool_]:
            return among(images["sha256"], hashes) | among(images["pixel_hash"], hashes)

        marked = named(self.everywhere) | (named(self.reported) & (images["source"] == REPORTS).to_numpy())
        return pd.Series(marked, index=images.index)

    def _mark_places(self, images: pd.DataFrame) -> pd.Series:
        """Mark the originals and neutralised copies of images that are kept out; `images` has the columns LOOKED_AT."""
        former = former_origins(images)

        def at(origins: pd.Series, places: frozenset[_Place]) -> pd.Series:
            likely = origins[origins.isin([origin for _, origin in places])]  # usually none, and cheap to find
            pairs = zip(images.loc[likely.index, "source"], likely, strict=True)
            found = [row for row, pair in zip(likely.index, pairs, strict=True) if pair in places]
            return pd.Series(images.index.isin(found), index=images.index)

        return at(images["origin"], self.neutralised) | at(former, self.plain)


def _hashes(tombstones: pd.DataFrame) -> frozenset[str]:
    """Return the hashes of the bytes, and the hashes of the pixels where they are known."""
    return frozenset({*tombstones["sha256"], *tombstones["pixel_hash"].dropna()})
