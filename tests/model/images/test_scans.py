"""JPEGs that go over their pixels again and again."""

import io

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import decode
from model.images.scans import MOST_SCANS, has_too_many_scans

END = b"\xff\xd9"
SCAN = b"\xff\xda"


def encode(**options: object) -> bytes:
    noise = np.random.default_rng(5).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are `count`."""
    whole = encode(progressive=True)
    last = whole[whole.rindex(SCAN) : -len(END)]
    return whole[: -len(END)] + last * (count - whole.count(SCAN)) + END


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}, {"exif": b"Exif\0\0II"}])
def test_what_encoders_write_is_decoded(options: dict[str, object]) -> None:
    assert decode(encode(**options)).format == "JPEG"


def test_a_jpeg_with_one_scan_too_many_is_refused() -> None:
    assert decode(with_scans(MOST_SCANS)).format == "JPEG"
    with pytest.raises(InvalidImage, match="100 scans") as error:
        decode(with_scans(MOST_SCANS + 1))
    assert error.value.reason == "too_many_scans"


def test_scans_cannot_hide_behind_fill_bytes_or_rubbish() -> None:
    bomb = with_scans(MOST_SCANS + 1)
    assert has_too_many_scans(bomb.replace(SCAN, b"\xff" + SCAN))
    assert has_too_many_scans(bomb.replace(SCAN, b"rubbish" + SCAN))


def test_what_lies_behind_the_image_or_in_its_metadata_is_not_counted() -> None:
    behind = encode() + SCAN * (MOST_SCANS + 1)
    comment = encode(comment=SCAN * (MOST_SCANS + 1))
    for data in (behind, comment):
        assert data.count(SCAN) > MOST_SCANS
        assert decode(data).format == "JPEG"


@pytest.mark.parametrize("data", [b"\xff\xd8", b"\xff\xd8" + SCAN, b"\xff\xd8" + (SCAN + b"\0\0") * 99])
def test_counting_ends_with_the_data(data: bytes) -> None:
    assert not has_too_many_scans(data)
