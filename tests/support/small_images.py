"""Makes small images for tests, and brings them into a lake."""

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import numpy as np
from PIL import Image

from model.dataset import ingest
from model.dataset.already_read import known_before
from model.dataset.ingest import Collected, assemble
from model.dataset.intake import Intake
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, write_rows
from model.sources.labelled_image import LabelledImage

NOW = datetime(2026, 11, 2, 2, tzinfo=UTC)


def labelled(number: int, label: str, *, split: str | None = None, format_: str = "PNG") -> LabelledImage:
    """Make the `number`-th image: noise, in blocks of 2 x 2 pixels when AI.

    The format is BMP, so that only the pixels tell the label.
    """
    block = 1 if label == "real" else 2
    noise = np.random.default_rng(number).integers(0, 256, (32 // block, 32 // block, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise.repeat(block, axis=0).repeat(block, axis=1)).save(buffer, format_)
    return LabelledImage(
        data=buffer.getvalue(),
        label=label,
        source="made",
        origin=f"{number}.{format_.lower()}",
        generator=None if label == "real" else "blocks",
        split=split,
    )


def scene(number: int, *, quality: int = 95) -> LabelledImage:
    """Make the `number`-th picture with some content, as a JPEG labelled real."""
    coarse = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return LabelledImage(data=buffer.getvalue(), label="real", source="made", origin=f"{number}-{quality}.jpg")


def textured(width: int, height: int) -> Image.Image:
    """A picture with as much detail at every scale, as photographs have: noise whose amplitude falls as 1/frequency."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    spectrum = np.fft.rfft2(np.random.default_rng(3).standard_normal((height, width)))
    levels = np.fft.irfft2(spectrum / np.maximum(np.hypot(rows, columns), 1 / max(width, height)), (height, width))
    return Image.fromarray((128 + 40 * levels / levels.std()).clip(0, 255).astype(np.uint8)).convert("RGB")


def many(count: int, *, start: int = 0, format_: str = "PNG") -> Iterator[LabelledImage]:
    numbers = range(start, start + count)
    return (labelled(number, "real" if number % 2 else "ai", format_=format_) for number in numbers)


def collect(lake: Lake, images: Iterable[LabelledImage], *, now: datetime) -> Collected:
    """Append the images that the lake does not hold yet as one batch."""
    intake = Intake(known_before(lake, now), now=now)
    batch = lake.write_batch(ingest.without_erased(lake, intake.rows(images, lambda _read, _new: None), intake.tally))
    return Collected.of([batch], intake.tally)


def publish(lake: Lake, images: Iterable[LabelledImage]) -> str:
    """Publish a version of the images without validation, which is tested elsewhere."""
    collect(lake, images, now=NOW)
    version = assemble(lake, today=date(2026, 11, 2))
    write_rows(lake, version, read_candidates(lake, version), name="manifest")
    (lake.version_path(version) / "validation.json").write_text('{"success": true}')
    ingest.publish(lake, version)
    return version
