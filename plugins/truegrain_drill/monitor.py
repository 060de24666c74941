"""Reads the results of the service's monitor from the prediction log, as `monitor_detector` does."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from model.errors import TruegrainError
from model.monitoring.database import open_database
from model.monitoring.drift_history import DriftResult, history, latest, prepare
from model.monitoring.predictions import find
from model.monitoring.retrain_request import Judgement, RetrainPolicy, judge
from model.settings import Settings

_PATIENCE: Final = 60.0
_PAUSE: Final = 0.2
_Found = TypeVar("_Found")


class Watch:
    """Reads the monitor's results about one version on the drill's platform, from `since` on."""

    def __init__(self, settings: Settings, version: str, *, since: datetime) -> None:
        self._engine = open_database(settings.predictions_url)
        prepare(self._engine)  # the monitor may not have created its table yet
        self._policy = RetrainPolicy.of(settings)
        self._version = version
        self._since = since

    def await_result(self, ids: Collection[str]) -> DriftResult:
        """Wait for the first result that covers all these predictions, and return it.

        Raises TruegrainError if the predictions do not reach the log, or no such result comes, within 60 s.
        """
        newest = max(_await(partial(self._given_at, id_), "the prediction log is behind") for id_ in ids)
        return _await(partial(self._measured, newest), "the monitor of the drill's service is silent")

    def judge(self) -> Judgement:
        """Decide whether to ask for a training, as `monitor_detector` does."""
        now = datetime.now(UTC)
        newest = history(self._engine, since=self._since, until=now, most=1)
        return judge(newest[0] if newest else None, (), self._policy, now=now)

    def _given_at(self, id_: str) -> datetime | None:
        prediction = find(self._engine, id_, since=self._since)
        return prediction.at if prediction else None

    def _measured(self, newest: datetime) -> DriftResult | None:
        result = latest(self._engine, self._version, since=self._since, until=datetime.now(UTC))
        return result if result and result.last and result.last >= newest else None


def _await(look: Callable[[], _Found | None], trouble: str) -> _Found:
    end = time.monotonic() + _PATIENCE
    while (found := look()) is None:
        if time.monotonic() > end:
            raise TruegrainError(f"{trouble}: nothing came for {_PATIENCE:.0f} s")
        time.sleep(_PAUSE)
    return found
