"""Erases images on demand from the lake, from all that was made of it, and from the prediction log."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from model.dataset.lake import Lake
from model.dataset.tombstones import withdraw
from model.monitoring.database import opened
from model.monitoring.predictions import forget_image, prepare
from model.privacy.erasing import Eraser, Erasure
from model.registry import connect
from model.settings import Settings

_AT_ONCE: Final = 10_000
"""Most rows deleted in one transaction, so that nobody else waits long for the database."""


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """How many rows of the prediction log were deleted, the images that the lake does not hold, and what was erased."""

    predictions: int
    unseen: tuple[str, ...]
    erasure: Erasure | None


def eraser_of(settings: Settings) -> Eraser:
    """Return the eraser of the lake and the registry that `settings` name."""
    return Eraser(
        lake=Lake(settings.lake_url),
        home=settings.home,
        lock=settings.reports_lock,
        registry=lambda: connect(settings),
    )


def forget(settings: Settings, images: Collection[str], *, reason: str) -> Forgotten:
    """Withdraw images by the SHA-256 sums of their files, delete their predictions, and erase them everywhere.

    Predictions that wait in an outbox of the service reach the log afterwards; repeat the call then. Raises what
    `withdraw` and `Eraser.erase` raise, and SQLAlchemyError when the prediction log does not answer.
    """
    eraser, now = eraser_of(settings), datetime.now(UTC)
    done = withdraw(eraser.lake, images, lock=settings.reports_lock, reason=reason, now=now, erase=True)
    predictions = sum(forget_predictions(settings, sha256) for sha256 in sorted(set(images)))
    return Forgotten(predictions=predictions, unseen=done.unseen, erasure=eraser.erase(now=now))


def forget_predictions(settings: Settings, image_sha256: str) -> int:
    """Delete all predictions about an image, and return how many were deleted."""
    deleted = 0
    with opened(settings.predictions_url) as engine:
        prepare(engine)
        while count := forget_image(engine, image_sha256, most=_AT_ONCE):
            deleted += count
    return deleted
