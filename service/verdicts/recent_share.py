"""The share of AI images in recent traffic, as the monitor estimated it last."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from model.estimate import Estimate
from service.status.drift import DriftStatus, read_status

LOOK_SECONDS: Final = 5.0
"""How often the monitor's file is read."""
STALE_SECONDS: Final = 120.0
"""How long a measurement counts after the next one was due."""


class RecentShare:
    """Reads the share from the monitor's file, at most every LOOK_SECONDS; the last answer serves in between."""

    def __init__(self, home: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._monotonic = monotonic
        self._looked = -LOOK_SECONDS
        self._status: DriftStatus | None = None

    def find(self, version: str) -> Estimate | None:
        """Return the share among the predictions of a version; None if it is not known, or was measured long ago."""
        now = self._monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._status, self._looked = read_status(self._home), now
        status = self._status
        if status is None or status.drift.version != version:
            return None
        is_stale = (datetime.now(UTC) - status.due_at).total_seconds() > STALE_SECONDS
        return None if is_stale or status.drift.not_estimable else status.drift.ai_share
