"""Intake: from images to the rows of a batch, without the images that the lake holds already."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from model.dataset.digest_set import ARROW, Digests, digest
from model.dataset.lake import Lake
from model.dataset.shards import BATCH_SCHEMA, ERASED
from model.dataset.tombstones import KeptOut, read_tombstones
from model.images.fingerprint import fingerprint
from model.sources.labelled_image import LabelledImage

Progress = Callable[[int, int], None]
"""Is told how many images were read so far, and how many of them are new."""

NOT_KEPT: Final = b""
"""What a row holds in place of the bytes that cannot be decoded: whatever they are, nobody will train on them, and a
supplier could fill the lake with them. Their SHA-256, their number and the reason are kept."""

_REPORT_EVERY: Final = 1_000


class Intake:
    """Fingerprints images and counts them: those `read`, those `added`, and of these the `undecodable`.

    An image is known when the same bytes came before `now` with the same label and split, or come again now with the
    same source and generator too. What else came at `now` does not count, so that an intake yields the same rows
    whichever others of the same run are ahead of it, and when it is repeated. What was erased, and what is to be, is
    taken in no more.
    """

    def __init__(self, lake: Lake, *, now: datetime) -> None:
        self.read = self.added = self.undecodable = 0
        self._now = now
        stones = read_tombstones(lake)
        self._kept_out = KeptOut.of(stones[stones["erase"]])
        self._known = Digests(_known_before(lake, now))
        self._taken_in = Digests()

    def rows(self, images: Iterable[LabelledImage], progress: Progress) -> Iterator[dict[str, object]]:
        """Yield rows for `Lake.write_batch`; `progress` is told of every thousand images, and at the end."""
        for image in images:
            self.read += 1
            sha256 = hashlib.sha256(image.data).hexdigest()
            if not self._is_known(sha256, image):
                print_ = fingerprint(image.data)
                if self._kept_out.holds(sha256, print_.pixel_hash, image.source):
                    continue
                self.added += 1
                self.undecodable += print_.decode_error is not None
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
            if self.read % _REPORT_EVERY == 0:
                progress(self.read, self.added)
        progress(self.read, self.added)

    def _is_known(self, sha256: str, image: LabelledImage) -> bool:
        claim = (sha256, image.label, image.split)
        now = digest(*claim, image.source, image.generator)
        known = digest(*claim) in self._known or now in self._taken_in
        self._taken_in.add(now)
        return known


def _known_before(lake: Lake, now: datetime) -> Iterator[pa.Array]:
    moment = pa.scalar(now, BATCH_SCHEMA.field("ingested_at").type)
    for rows in lake.scan(["sha256", "label", "split_hint", "ingested_at", "decode_error"]):
        erased = pc.fill_null(pc.equal(rows["decode_error"], ERASED), fill_value=False)
        before = rows.filter(pc.and_not(pc.not_equal(rows["ingested_at"], moment), erased))
        claims = zip(*(before[name].to_pylist() for name in ("sha256", "label", "split_hint")), strict=True)
        yield pa.array((digest(*claim) for claim in claims), ARROW)
