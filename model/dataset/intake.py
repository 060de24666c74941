"""Turns images into rows of a batch, and leaves out the images that the lake holds already."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from model.dataset.digest_set import Digests, digest
from model.images.fingerprint import fingerprint
from model.processes import beat
from model.sources.labelled_image import LabelledImage

Progress = Callable[[int, int], None]
"""Is called with the number of images read so far, and how many of them are new."""

NOT_KEPT: Final = b""
"""What a row holds in place of bytes that cannot be decoded. Nobody will train on them, and a supplier could fill the
lake with them. Their SHA-256, their number and the reason are kept."""

_REPORT_EVERY: Final = 1_000


Row = dict[str, Any]
"""A row of a batch: the columns of BATCH_SCHEMA."""


@dataclass
class Tally:
    """Numbers of images: `read`, `added` to the lake, and `undecodable` among the added ones.

    `unread` counts the files that took more memory or time than allowed, or changed after they were listed.
    """

    read: int = 0
    added: int = 0
    undecodable: int = 0
    unread: int = 0


class Intake:
    """Fingerprints the images that are new, and counts them in its `tally`.

    An image is known in two cases:

    1. The same bytes entered before `now` with the same label and split.
    2. This intake has read the same bytes with the same label, split, source and generator.

    Images that other intakes add at `now` do not count. So an intake yields the same rows when it is repeated, whatever
    the other intakes of the run have done by then.
    """

    def __init__(self, known: Digests, *, now: datetime, taken_in: Digests | None = None) -> None:
        """Begin with the result of `known_before`, and after an interruption with what was `taken_in` before it."""
        self.tally = Tally()
        self._now = now
        self._known = known
        self._taken_in = Digests() if taken_in is None else taken_in

    def rows(self, images: Iterable[LabelledImage], progress: Progress) -> Iterator[Row]:
        """Yield rows for `Lake.write_batch`; call `progress` after every thousand images, and at the end.

        Raises SourceError for an image with a source, a collection or another claim that cannot be kept.
        """
        for image in images:
            beat()
            self.tally.read += 1
            sha256 = hashlib.sha256(image.data).hexdigest()
            if not self._is_known(sha256, image):
                image.refuse_unfit_claims()
                print_ = fingerprint(image.data)
                self.tally.added += 1
                self.tally.undecodable += print_.decode_error is not None
                yield vars(print_) | {
                    "image": image.data if print_.decode_error is None else NOT_KEPT,
                    "label": image.label,
                    "source": image.source,
                    "generator": image.generator,
                    "split_hint": image.split,
                    "origin": image.origin,
                    "ingested_at": self._now,
                    "licence": image.licence,
                    "collection": image.collection,
                    "revision": image.revision,
                }
            if self.tally.read % _REPORT_EVERY == 0:
                progress(self.tally.read, self.tally.added)
        progress(self.tally.read, self.tally.added)

    def _is_known(self, sha256: str, image: LabelledImage) -> bool:
        claim = (sha256, image.label, image.split)
        now = taken_in(*claim, image.source, image.generator)
        known = claimed(*claim) in self._known or now in self._taken_in
        self._taken_in.add(now)
        return known


def claimed(sha256: str, label: str, split: str | None) -> bytes:
    """Return the digest by which an image from an earlier run is known."""
    return digest(sha256, label, split)


def taken_in(sha256: str, label: str, split: str | None, source: str, generator: str | None) -> bytes:
    """Return the digest by which an image from the same run is known."""
    return digest(sha256, label, split, source, generator)
