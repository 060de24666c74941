"""Images that a test hands over, taken into a lake as the images of one source are."""

from collections.abc import Iterable
from datetime import datetime

from model.dataset.ingest import Collected
from model.dataset.intake import Intake
from model.dataset.lake import Lake
from model.sources.labelled_image import LabelledImage


def collect(lake: Lake, images: Iterable[LabelledImage], *, now: datetime) -> Collected:
    """Append the images that the lake does not hold yet as one batch."""
    intake = Intake(lake, now=now)
    batch = lake.write_batch(intake.rows(images, lambda _read, _new: None))
    return Collected((batch,) if batch else (), intake.added, intake.read - intake.added, intake.undecodable)
