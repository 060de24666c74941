"""Follows the registry: downloads the versions in production and shadow, and points the workers to them.

`python -m service.sidecars.follower` is a separate process, so that workers neither wait for the registry nor load its
client.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from model.detectors.signature import PublicKey, find_public_key
from model.errors import ArtifactError, RegistryError, RegistryUnavailable, StorageFull
from model.processes import limit_memory
from model.registry import ModelVersion, connect
from model.settings import Settings
from service.logs import configure_logging
from service.metrics.service import Metrics
from service.sidecars.artifact_cache import ArtifactCache, Downloads
from service.sidecars.detector_check import Check, make_check
from service.sidecars.lineage_lookup import RunFiles, look_up_lineage
from service.sidecars.pipeline_watch import watch_pipeline
from service.sidecars.repeat import repeat
from service.status.follower import Outcome, write_status
from service.status.lineage import write_lineage
from service.status.pointer import Alias, Pointer, pointer_path

LONGEST_PAUSE: Final = 300.0
"""Most seconds between attempts at a refused version. The first pause is one poll; each further pause doubles."""

MOST_MEMORY: Final = 2_000_000_000
"""Bytes that the process may take; it lives with a tenth. What the registry answers may be as large as MLflow holds."""

log = structlog.get_logger("service.sidecars.follower")


class Versions(Downloads, RunFiles, Protocol):
    """What the follower needs of the registry."""

    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        """Return the version behind an alias, None when the alias is not set."""


@dataclass(frozen=True)
class _Refused:
    wanted: tuple[str, ...]
    pause: float
    until: float


class Follower:
    """Brings the version behind one alias to this machine, one `step` at a time.

    The lineage takes the dataset version from `lake`. `check` and `public_key` are as for `ArtifactCache`. A step takes
    at most a download and a check, which are bounded in time; the other alias waits for it.
    """

    def __init__(
        self,
        versions: Versions,
        pointer: Path,
        metrics: Metrics,
        *,
        poll_seconds: float,
        lake: str,
        check: Check,
        alias: Alias = "production",
        public_key: PublicKey | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._versions = versions
        self._pointer = pointer
        self._cache = ArtifactCache(pointer.parent, check=check, public_key=public_key)
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._lake = lake
        self._alias: Alias = alias
        self._clock = clock
        self._verified: Pointer | None = None
        self._recorded: ModelVersion | None = None
        self._refused: _Refused | None = None
        self._outcome: Outcome | None = None

    def step(self) -> Outcome:
        """Ask the registry once and act on the answer; a fault of the registry or a version is an outcome."""
        outcome = self._follow()
        self._metrics.polls.labels(self._alias, outcome).inc()
        if outcome != self._outcome:
            log.info("registry asked", alias=self._alias, outcome=outcome, before=self._outcome)
        self._outcome = outcome
        return outcome

    def _follow(self) -> Outcome:
        try:
            wanted = self._versions.resolve(self._alias)
        except RegistryError as error:
            log.debug("registry unavailable", reason=str(error))
            return "unavailable"
        if wanted is None:
            return self._leave()
        outcome: Outcome = "current" if self._have(wanted) else self._take(wanted)
        if outcome in ("current", "switched"):
            self._record(wanted)
        return outcome

    def _leave(self) -> Outcome:
        """Act on a missing alias: a shadow ends, production keeps its version."""
        if self._alias == "shadow":
            self._pointer.unlink(missing_ok=True)
        return "absent"

    def _have(self, wanted: ModelVersion) -> bool:
        pointer = self._read_pointer()
        if pointer is None or not pointer.names(wanted.version, wanted.run_id):
            return False
        if not self._cache.is_signed_so(pointer, wanted):  # the version was signed again, or its signature is gone
            return False
        if pointer != self._verified:  # once in the life of this process: the disk may have been damaged before
            if not self._cache.holds(pointer, wanted):
                return False
            self._verified = pointer
        return True

    def _read_pointer(self) -> Pointer | None:
        try:
            return Pointer.read(self._pointer)
        except (ArtifactError, OSError):
            return None

    def _take(self, wanted: ModelVersion) -> Outcome:
        # A change of version, run or signature is tried at once; other tags do not matter.
        key = (wanted.name, wanted.version, wanted.run_id, self._cache.signature_of(wanted))
        refused = self._refused if self._refused and self._refused.wanted == key else None
        if refused and self._clock() < refused.until:
            return "refused"
        try:
            before = self._read_pointer()
            pointer = self._cache.find(wanted, instead_of=before)
            pointer = pointer or self._cache.fetch(wanted, self._versions, instead_of=before)
            pointer.write(self._pointer)
            self._cache.clear()
        except RegistryUnavailable:
            return "unavailable"
        except Exception:  # a broken artifact may raise anything; the version in service stays
            pause = min(refused.pause * 2, LONGEST_PAUSE) if refused else self._poll_seconds
            self._refused = _Refused(key, pause, self._clock() + pause)
            self._metrics.load_failures.inc()
            log.exception("version refused", alias=self._alias, version=wanted.version, next_attempt_seconds=pause)
            return "refused"
        self._verified, self._refused = pointer, None
        return "switched"

    def _record(self, wanted: ModelVersion) -> None:
        """Write the lineage, and again when the registry's entry changes, such as by a reason of promotion."""
        here = self._verified
        if wanted == self._recorded or here is None:
            return
        try:
            lineage = look_up_lineage(wanted, self._versions, lake=self._lake, dataset_version=here.dataset_version)
            write_lineage(self._pointer.parent / here.folder, lineage)
        except RegistryUnavailable:
            return  # the next step tries again
        except Exception:  # a version serves without its lineage, too
            log.warning("lineage not recorded", version=wanted.version, exc_info=True)
        self._recorded = wanted


def follow_all(followers: Mapping[Alias, Follower], home: Path) -> None:
    """Let each follower take a step, and write the outcomes for GET /health."""
    outcomes: dict[Alias, Outcome] = {}
    for alias, follower in followers.items():
        silent = "unavailable" in outcomes.values()  # do not wait twice for a registry that is down
        outcomes[alias] = "unavailable" if silent else follower.step()
    try:
        write_status(home, outcomes)
    except (OSError, StorageFull):  # the service matters more than GET /health
        log.warning("status not written", exc_info=True)


def main() -> None:
    """Follow the registry until SIGTERM, or until the parent process is gone."""
    configure_logging()
    limit_memory(MOST_MEMORY)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings.from_environment(os.environ)
    followers = build_followers(settings)
    watch_pipeline(settings).start()
    repeat(partial(follow_all, followers, settings.home), seconds=settings.poll_seconds)


def build_followers(settings: Settings) -> dict[Alias, Follower]:
    """Make a follower for each alias; raises SettingsError when the required public key cannot be read."""
    registry, metrics = connect(settings), Metrics()
    public_key = find_public_key(settings.require_signature)
    aliases: tuple[Alias, ...] = ("production", "shadow")
    return {
        alias: Follower(
            registry,
            pointer_path(settings.home, alias),
            metrics,
            poll_seconds=settings.poll_seconds,
            lake=settings.lake_url,
            check=make_check(settings),
            alias=alias,
            public_key=public_key,
        )
        for alias in aliases
    }


if __name__ == "__main__":
    main()
