"""What each task of `ingest_images` does, from the sources that hold anything new to a published dataset version."""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Metadata, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from truegrain_airflow.assets import DATASET, read_drift
from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import read

log = logging.getLogger("truegrain.ingest")


def plan() -> list[dict[str, object]]:
    """Plan the parts of the source in the form, by default that of the settings; without a number, one a CPU core.

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
    sources = declared_sources(read("source") or settings.source)
    planned = plan(lake, sources, parts=read("parts") or os.cpu_count() or 1)
    new = planned[0].sources if planned else ()
    log.info("anything new in %s: %d parts to collect", [source.location for source in new] or "none", len(planned))
    return [asdict(part) for part in planned]


def collect(part: Mapping[str, Any]) -> str:
    """Collect a part that was planned, and say what it brought. Raises SourceError when it cannot be read."""
    from model.dataset.ingest import collect_part
    from model.dataset.ingest_parts import Part

    mine = Part(**part)

    def tell(read: int, new: int) -> None:
        log.info("%s: %s images read, %s new", mine, f"{read:,}", f"{new:,}")

    now = get_current_context()["dag_run"].run_after
    return str(collect_part(open_lake(), mine, now=now, progress=tell))


def assemble() -> str:
    """Stage a dataset version of all images in the lake but those that the form excludes; returns the version.

    The `source` of the form says whether the run asks for the built-in images.
    """
    from model.dataset.demonstration import asks_for_demonstration
    from model.dataset.ingest import assemble
    from model.sources.declaration import declared_sources

    source = read("source") or ""
    asked = asks_for_demonstration(source, declared_sources(source or read_settings().source))
    if asked:
        log.info("the built-in images were asked for by name, and stay beside those of other sources")
    return assemble(open_lake(), today=datetime.now(UTC).date(), exclude=read("exclude") or [], demonstration=asked)


def validate(version: str) -> str:
    """Validate a staged version, draw its page, accepted or refused, and return the version.

    A published version keeps the page it has. Raises ValidationFailed when the version may not be trained on.
    """
    from expectations.dataset import validate
    from model.pages.dataset_page import write_page

    lake = open_lake()
    published = version in lake.versions()
    try:
        return validate(lake, version).version
    finally:
        if not published:
            write_page(lake, version)


def publish(version: str) -> Iterator[Metadata]:
    """Publish a dataset version; DATASET's event tells it, and the drift that made it happen, if any.

    Raises AirflowSkipException when it was published before.
    """
    from model.dataset.ingest import publish

    if not publish(open_lake(), version):
        raise AirflowSkipException(f"dataset version {version} was published before: nothing new came in")
    drift = read_drift(get_current_context()["triggering_asset_events"])
    yield Metadata(DATASET, {"dataset_version": version, **drift})
