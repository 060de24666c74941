"""Images that a test hands over, taken into a lake as the images of one source are."""

from collections.abc import Iterable
from datetime import date, datetime

from model.dataset import ingest
from model.dataset.ingest import Collected, assemble
from model.dataset.intake import Intake
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, write_rows
from model.sources.labelled_image import LabelledImage
from support.small_images import NOW


def collect(lake: Lake, images: Iterable[LabelledImage], *, now: datetime) -> Collected:
    """Append the images that the lake does not hold yet as one batch."""
    intake = Intake(lake, now=now)
    batch = lake.write_batch(intake.rows(images, lambda _read, _new: None))
    return Collected((batch,) if batch else (), intake.added, intake.read - intake.added, intake.undecodable)


def publish(lake: Lake, images: Iterable[LabelledImage]) -> str:
    """Bring images into a published version as they are; what validation does is tested elsewhere."""
    collect(lake, images, now=NOW)
    version = assemble(lake, today=date(2026, 11, 2))
    write_rows(lake, version, read_candidates(lake, version), name="manifest")
    (lake.version_path(version) / "validation.json").write_text('{"success": true}')
    ingest.publish(lake, version)
    return version
