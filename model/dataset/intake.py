"""Intake: from images to the rows of a batch, without the images that the lake holds already."""

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
"""Is told how many images were read so far, and how many of them are new."""

NOT_KEPT: Final = b""
"""What a row holds in place of the bytes that cannot be decoded: whatever they are, nobody will train on them, and a
supplier could fill the lake with them. Their SHA-256, their number and the reason are kept."""

_REPORT_EVERY: Final = 1_000


Row = dict[str, Any]
"""A row of a batch: the columns of BATCH_SCHEMA."""


@dataclass
class Tally:
    """How many images were read, how many of them were added, how many of these cannot be decoded.

    `unread` are files that took more memory or time than they may.
    """

    read: int = 0
    added: int = 0
    undecodable: int = 0
    unread: int = 0


class Intake:
    """Fingerprints images and counts them in its `tally`.

    An image is known when the same bytes came before `now` with the same label and split, or come again now with the
    same source and generator too. What else came at `now` does not count. So an intake yields the same rows when
    it is repeated, and whichever others of the same run are ahead of it.
    """

    def __init__(self, known: Digests, *, now: datetime, taken_in: Digests | None = None) -> None:
        """Begin with what `known_before` tells of a lake, and, after an interruption, with what was `taken_in` then."""
        self.tally = Tally()
        self._now = now
        self._known = known
        self._taken_in = Digests() if taken_in is None else taken_in

    def rows(self, images: Iterable[LabelledImage], progress: Progress) -> Iterator[Row]:
        """Yield rows for `Lake.write_batch`; `progress` is told of every thousand images, and at the end.

        Raises SourceError for an image whose source, generator, licence or origin is too long to be kept.
        """
        for image in images:
            beat()
            self.tally.read += 1
            sha256 = hashlib.sha256(image.data).hexdigest()
            if not self._is_known(sha256, image):
                image.refuse_long_claims()
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
    """Return the digest by which an image is known that came before."""
    return digest(sha256, label, split)


def taken_in(sha256: str, label: str, split: str | None, source: str, generator: str | None) -> bytes:
    """Return the digest by which an image is known that came in the same run."""
    return digest(sha256, label, split, source, generator)
