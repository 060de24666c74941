"""What the tasks of an ingestion do: plan parts, collect each, and validate the version that comes of them.

Parts pass as JSON from the task that plans to the tasks that collect.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from truegrain_airflow.environment import open_lake, read_settings

if TYPE_CHECKING:
    from model.dataset.lake import Lake

log = logging.getLogger("truegrain.ingest")


def plan_parts(source: str, parts: int) -> list[dict[str, object]]:
    """Plan the parts of `source`, by default that of the settings; 0 parts are one a core of this machine.

    What users have reported is settled first, so that all they agree on by now comes in as well. Raises SourceError for
    a source that cannot be read or is empty.
    """
    from model.dataset.ingest import plan
    from model.feedback.reporters import VotingLimits
    from model.feedback.review import settle
    from model.sources.declaration import declared_sources

    settings, lake = read_settings(), open_lake()
    influence, now = VotingLimits.of(settings), datetime.now(UTC)
    settled = settle(lake, influence=influence, lock=settings.reports_lock, now=now)
    log.info("%d images accepted by agreement", settled.accepted)
    planned = plan(lake, declared_sources(source or settings.source), parts=parts or os.cpu_count() or 1)
    new = planned[0].sources if planned else ()
    log.info("anything new in %s: %d parts to collect", [source.location for source in new] or "none", len(planned))
    return [asdict(part) for part in planned]


def collect_part(part: Mapping[str, Any], now: datetime) -> str:
    """Collect a part that was planned, and say what it brought. Raises SourceError when it cannot be read."""
    from model.dataset.ingest import collect_part
    from model.dataset.ingest_parts import Part

    mine = Part(**part)

    def tell(read: int, new: int) -> None:
        log.info("%s: %s images read, %s new", mine, f"{read:,}", f"{new:,}")

    return str(collect_part(open_lake(), mine, now=now, progress=tell))


def validate_version(lake: "Lake", version: str) -> str:
    """Validate a staged version, draw its page, accepted or refused, and return the version.

    A published version keeps the page it has. Raises ValidationFailed when the version may not be trained on.
    """
    from expectations.dataset import validate
    from model.pages.dataset_page import write_page

    published = version in lake.versions()
    try:
        return validate(lake, version).version
    finally:
        if not published:
            write_page(lake, version)
