"""Describes a source before it is ingested: what it holds, and what validation would find in a sample of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from model.dataset.intake import Row
from model.dataset.shortcuts import MOST_AUC, NEUTRALISED, USUAL_AUC, Shortcut, find_shortcuts
from model.images.quality import LEAST_SIDE
from model.labels import CLASSES
from model.sources.declaration import Source
from model.sources.entries import Facts
from model.sources.remarks import Remark
from model.sources.web.secrets import without_secrets

_FEWEST: Final = 20
"""Fewest images of each class that shortcuts are looked for in."""

_NO_SPLIT: Final = "not stated"


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a source holds.

    - `kind`, `because`: as what the source is read, and what decided.
    - `entries`: number of files, or of groups of a shard's rows.
    - `images`: number of images by label, split and generator; `endings` by the ending of their file names.
    - `remarks`: what the listing says about the source, such as what is left out and why.
    - `rows`: the rows of a sample, as an intake yields them, without the images.
    - `read`: number of images in the sample, copies included.
    - `unread`: path and reason of each file over a limit of memory or time.
    - `examples`: a few rows of the sample, with the bytes of their images.
    """

    source: Source
    kind: str
    because: str
    entries: int
    images: Counter[Facts]
    endings: Mapping[str, int]
    remarks: tuple[Remark, ...] = ()
    rows: pd.DataFrame = field(repr=False)
    read: int
    unread: tuple[tuple[str, str], ...] = ()
    examples: tuple[Row, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """What the source is called, or its location without secrets."""
        return self.source.name or without_secrets(self.source.location)

    def count_by(self, fact: str) -> dict[str, int]:
        """Return the number of images for each value of a field of Facts; the largest number first."""
        counts = Counter[str]()
        for facts, images in self.images.items():
            counts[getattr(facts, fact) or (_NO_SPLIT if fact == "split" else "")] += images
        del counts[""]
        return dict(counts.most_common())

    def formats(self) -> dict[str, int]:
        """Return the number of images of the sample in each format."""
        return {str(name): int(count) for name, count in self.rows["format"].value_counts().items()}

    def undecodable(self) -> dict[str, int]:
        """Return the number of files of the sample that are no images, by reason."""
        return dict(Counter(str(error).partition(":")[0] for error in self.rows["decode_error"].dropna()))

    def sizes(self) -> dict[str, tuple[int, int, int]]:
        """Return the smallest, the median and the largest width, height (pixels) and bytes of the sample's images."""
        decoded = self.rows[self.rows["decode_error"].isna()]
        if decoded.empty:
            return {}
        return {
            name: (int(decoded[name].min()), int(decoded[name].median()), int(decoded[name].max()))
            for name in ("width", "height", "bytes")
        }

    def shortcuts(self) -> dict[str, Shortcut]:
        """Return the facts that tell the label in the sample, with an AUC above USUAL_AUC, the strongest first.

        A sample with fewer than 20 images of a class tells nothing.
        """
        decoded = self.rows[self.rows["decode_error"].isna()]
        if min(int((decoded["label"] == label).sum()) for label in CLASSES) < _FEWEST:
            return {}
        found = find_shortcuts(decoded)
        strong = [(name, shortcut) for name, shortcut in found.items() if shortcut.low > USUAL_AUC]
        return dict(sorted(strong, key=lambda pair: -pair[1].low))

    def warnings(self) -> list[str]:
        """Return what validation would warn of or refuse, according to the sample."""
        remarks = [f"{remark.text} ({remark.count:,})" for remark in self.remarks if remark.warns]
        return [*remarks, *self._about_classes(), *self._about_files(), *self._about_shortcuts()]

    def _about_classes(self) -> list[str]:
        missing = [label for label in CLASSES if label not in self.count_by("label")]
        return [f"There is no image of the class '{label}'. Add another source that has some." for label in missing]

    def _about_files(self) -> list[str]:
        found = []
        if undecodable := sum(self.undecodable().values()):
            found.append(f"Files of the sample that are no images: {undecodable:,} of {self.read:,}.")
        if small := int((self.rows[["width", "height"]].min(axis=1) < LEAST_SIDE).sum()):
            found.append(
                f"Images of the sample with a side below {LEAST_SIDE} pixels: {small:,}. Validation refuses them."
            )
        labels = self.rows.dropna(subset=["pixel_hash"]).groupby("pixel_hash")["label"].nunique()
        if both := int((labels > 1).sum()):
            found.append(f"Pictures of the sample that are labelled both real and AI: {both:,}. Correct the labels.")
        return found

    def _about_shortcuts(self) -> list[str]:
        found = self.shortcuts()
        named = ", ".join(f"{name} ({shortcut.low:.2f})" for name, shortcut in found.items())
        if not named:
            return []
        verdict = "refuses" if max(shortcut.low for shortcut in found.values()) > MOST_AUC else "warns of"
        advice = [f"Validation {verdict} a version of these images alone: the label can be told from {named}."]
        if not self.source.neutralise and found.keys() & NEUTRALISED:
            advice.append("Declare the source with 'neutralise = true', and check again.")
        if left := [name for name in found if name not in NEUTRALISED]:
            advice.append(f"Take images of both classes that are alike in {', '.join(left)}.")
        return [" ".join(advice)]
