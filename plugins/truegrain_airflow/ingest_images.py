"""Implements the tasks of `ingest_images`, from planning which sources to read to publishing a dataset version."""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Metadata, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from truegrain_airflow.assets import DATASET, read_drift
from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import read

if TYPE_CHECKING:
    from model.dataset.contained.budget import Budget
    from model.sources.web.reach import Reach

log = logging.getLogger("truegrain.ingest")


def plan() -> list[dict[str, object]]:
    """Split the source into parts that tasks collect. Form fields: `source`, `parts` (default: one for each CPU core).

    Users' reports are settled first, so that accepted reports are ingested, too. The parts contain no secrets, because
    they can be read in Airflow. With `dry_run` nothing is written: the log and the XCom `preview` say what the source
    holds, and AirflowSkipException is raised. Raises SourceError for a source that cannot be read or is empty.
    """
    from model.dataset.contained.budget import Budget
    from model.dataset.contained.reader import sources_of
    from model.dataset.ingest import plan
    from model.feedback.reporters import VotingLimits
    from model.feedback.review import settle
    from model.sources.web.reach import Reach
    from model.sources.web.secrets import without_secrets

    settings, lake = read_settings(), open_lake()
    reach, budget = Reach.of(settings), Budget.of(settings)
    if read("dry_run"):
        _preview(read("source") or settings.source, reach, budget)
    influence, now = VotingLimits.of(settings), datetime.now(UTC)
    settled = settle(lake, influence=influence, lock=settings.reports_lock, now=now)
    log.info("%d images accepted by agreement", settled.accepted)
    sources = sources_of(read("source") or settings.source, reach=reach, budget=budget)
    parts = read("parts") or os.cpu_count() or 1
    planned = plan(lake, sources, parts=parts, reach=reach, budget=budget)
    new = [without_secrets(source.location) for source in planned[0].sources] if planned else "none"
    log.info("anything new in %s: %d parts to collect", new, len(planned))
    return [asdict(part.without_secrets()) for part in planned]


def _preview(location: str, reach: "Reach", budget: "Budget") -> NoReturn:
    from model.dataset.checking import check
    from model.preview.text import describe

    checked = check(location, reach=reach, budget=budget)
    for each in checked:
        log.info("%s", describe(each))
    get_current_context()["ti"].xcom_push("preview", [each.to_json() for each in checked])
    for each in checked:
        if each.error is not None:
            raise each.error
    raise AirflowSkipException("a dry run: nothing was written; the log and the XCom `preview` say what would be read")


def collect(part: Mapping[str, Any]) -> str:
    """Collect a planned part and return its result in words; raises SourceError if the part cannot be read.

    A file that takes more memory or time than the settings allow is left out, named in the log and counted.
    """
    from model.dataset.contained.budget import Budget
    from model.dataset.contained.reader import sources_of
    from model.dataset.ingest import collect_part
    from model.dataset.ingest_parts import Part
    from model.sources.web.reach import Reach

    settings = read_settings()
    reach, budget = Reach.of(settings), Budget.of(settings)
    mine = Part(**part)
    if mine.lacks_secrets:
        mine = mine.with_secrets(sources_of(read("source") or settings.source, reach=reach, budget=budget))

    def tell(read: int, new: int) -> None:
        log.info("%s: %s images read, %s new", mine, f"{read:,}", f"{new:,}")

    now = get_current_context()["dag_run"].run_after
    collected = collect_part(open_lake(), mine, now=now, progress=tell, reach=reach, budget=budget)
    if collected.unread:
        log.warning("%s: %d files were not read (see above); the next run tries again", mine, collected.unread)
    return str(collected)


def assemble() -> str:
    """Stage a dataset version of all images in the lake except those that the form excludes; returns the version.

    If the `source` of the form asks for the built-in images, they stay in the version beside other sources. Raises
    AirflowSkipException in a dry run.
    """
    from model.dataset.contained.budget import Budget
    from model.dataset.contained.reader import sources_of
    from model.dataset.demonstration import asks_for_demonstration
    from model.dataset.ingest import assemble
    from model.sources.web.reach import Reach

    if read("dry_run"):  # the task runs even if all tasks before it were skipped
        raise AirflowSkipException("a dry run assembles nothing")
    source, settings = read("source") or "", read_settings()
    reach, budget = Reach.of(settings), Budget.of(settings)
    asked = asks_for_demonstration(source, sources_of(source or settings.source, reach=reach, budget=budget))
    if asked:
        log.info("the built-in images were asked for by name, so they stay in the version beside other sources")
    return assemble(open_lake(), today=datetime.now(UTC).date(), exclude=read("exclude") or [], demonstration=asked)


def validate(version: str) -> str:
    """Validate a staged version, draw its page in any case, and return the version.

    A published version keeps its page. Raises ValidationFailed if the version may not be trained on.
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
    """Publish a dataset version. DATASET's event names the version and the drift that caused it, if any.

    Raises AirflowSkipException if the version was published before.
    """
    from model.dataset.ingest import publish

    if not publish(open_lake(), version):
        raise AirflowSkipException(f"dataset version {version} was published before: nothing new came in")
    drift = read_drift(get_current_context()["triggering_asset_events"])
    yield Metadata(DATASET, {"dataset_version": version, **drift})
