"""Chooses the test images that decide about a challenger: those that did not choose the champion."""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Self

from model.evaluation.report import Predictions
from model.record import Record, Sequenced
from model.sources.reports import SOURCE as REPORTS


@dataclass(frozen=True)
class DecidingImages(Record):
    """The images (their SHA-256) that decided about a run, in decision `number` against the version `champion`.

    `sha256` is empty if nothing was in production: floors chose the detector, and no image compared it with another.
    """

    kind: ClassVar = "list of deciding images"
    most_bytes: ClassVar = 100_000_000
    """As of a report: it takes 70 bytes an image."""

    champion: str
    number: int
    sha256: Sequenced[str]


@dataclass(frozen=True)
class Deciding:
    """Which of the `total` images of a test split decide, and which `chose` the champion, by their SHA-256.

    `free` counts the images that may decide. Those that exceed the share that decides are sealed for the next champion.
    `known` is false if no list says which images chose the champion. `clusters` counts the clusters of the split.
    """

    total: int
    clusters: int
    free: int
    images: frozenset[str]
    chose: frozenset[str]
    known: bool
    share: float

    @property
    def digest(self) -> str:
        """SHA-256 of the images that decide, whatever their order."""
        return hashlib.sha256("\n".join(sorted(self.images)).encode()).hexdigest()

    @classmethod
    def all_of(cls, predictions: Predictions) -> Self:
        """Return that all images decide: between two detectors of which neither was chosen on these images."""
        everything = frozenset(predictions.sha256)
        clusters = len(set(predictions.cluster)) or len(everything)
        return cls(len(everything), clusters, len(everything), everything, frozenset(), known=True, share=1.0)

    def count_more(self, needed: float) -> int:
        """Return how many further test images bring the images that decide up to `needed`; 0 for none."""
        return max(0, round(needed - self.free), round(needed / self.share - self.total))


def choose_deciding(predictions: Predictions, *, chose: Collection[str] | None, share: float) -> Deciding:
    """Choose the images that decide: a `share` of the test split at most, none that `chose` the champion.

    The best of several detectors on some images is flattered by these images, and a challenger would have to beat its
    luck, too. Source: Dwork et al., 2015, doi 10.1126/science.aaa9375. Clusters stay together: an image that
    resembles one that chose the champion does not decide. Images from users' reports never decide, because reporters
    must not choose what is measured. `chose` is None if nothing is known: then all images may decide.
    """
    chosen = frozenset(chose or ())
    numbers = predictions.cluster or range(len(predictions.sha256))
    members = defaultdict(list)
    for sha256, number in zip(predictions.sha256, numbers, strict=True):
        members[number].append(sha256)
    used = {number for number, images in members.items() if not chosen.isdisjoint(images)}
    sources = predictions.groups.get("source", ())
    reported = {sha256 for sha256, source in zip(predictions.sha256, sources, strict=False) if source == REPORTS}
    free = {
        number: [sha256 for sha256 in images if sha256 not in reported]
        for number, images in members.items()
        if number not in used
    }
    room, deciding = int(share * len(predictions.sha256) + 1e-9), set[str]()
    for number in sorted(free, key=lambda number: _place(members[number])):
        if len(deciding) + len(free[number]) <= room:
            deciding.update(free[number])
    return Deciding(
        total=len(predictions.sha256),
        clusters=len(members),
        free=sum(map(len, free.values())),
        images=frozenset(deciding),
        chose=frozenset(sha256 for number in used for sha256 in members[number]),
        known=chose is not None,
        share=share,
    )


def _place(images: list[str]) -> str:
    """Return what orders the clusters: chance, but the same in each decision."""
    return hashlib.sha256(min(images).encode()).hexdigest()
