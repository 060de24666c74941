"""Watching: what the service's monitor makes of the traffic, read where `monitor_detector` reads it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from model.drift_history import DriftResult, history, latest, prepare
from model.errors import TruegrainError
from model.monitoring import Judgement, RetrainPolicy, judge
from model.predictions import open_database
from model.settings import Settings

_LOG_LAG: Final = timedelta(seconds=1.5)
"""After which a verdict is in the prediction log; a result measured later has looked at it."""
_PATIENCE: Final = 60.0


class Watch:
    """Reads the results about a version on the drill's platform, from `since` on."""

    def __init__(self, settings: Settings, version: str, *, since: datetime) -> None:
        self._engine = open_database(settings.predictions_url)
        prepare(self._engine)  # the monitor may not have come to it yet
        self._policy = RetrainPolicy.of(settings)
        self._version = version
        self._since = since

    def await_result(self) -> DriftResult:
        """Return the first result that has looked at all that was sent; TruegrainError when the monitor is silent."""
        sent, end = datetime.now(UTC) + _LOG_LAG, time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            time.sleep(0.2)
            found = latest(self._engine, self._version, since=sent, until=datetime.now(UTC))
            if found is not None:
                return found
        raise TruegrainError(f"the monitor of the drill's service has measured nothing for {_PATIENCE:.0f} s")

    def judge(self) -> Judgement:
        """Say whether a training is to be asked for, as `monitor_detector` does."""
        now = datetime.now(UTC)
        return judge(history(self._engine, since=self._since, until=now), (), self._policy, now=now)
