"""What a file says of itself stands beside the verdict, and changes nothing about it."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import ExifTags, Image


@pytest.fixture(autouse=True)
def version_7(publish: Callable[..., object]) -> None:
    publish("7")


def picture(brightness: int, **metadata: str) -> bytes:
    exif = Image.Exif()
    for name, value in metadata.items():
        exif[ExifTags.Base[name]] = value
    file = io.BytesIO()
    noise = np.random.default_rng(brightness).integers(-9, 10, (40, 40, 3))
    Image.fromarray((brightness + noise).clip(0, 255).astype(np.uint8)).save(file, "PNG", exif=exif.tobytes())
    return file.getvalue()


def predict(client: FlaskClient, image: bytes) -> dict[str, Any]:
    answer = client.post("/predict", data=image, content_type="image/png")
    assert answer.status_code == 200
    return dict(answer.json or {})


@pytest.mark.parametrize(
    ("brightness", "metadata", "conflict"),
    [
        pytest.param(230, {"Make": "Canon", "Model": "Canon EOS R5"}, True, id="AI with a camera"),
        pytest.param(25, {"Make": "Canon", "Model": "Canon EOS R5"}, False, id="real with a camera"),
        pytest.param(128, {"Make": "Canon", "Model": "Canon EOS R5"}, False, id="unsure with a camera"),
        pytest.param(25, {"Software": "NovelAI"}, True, id="real by a generator"),
        pytest.param(230, {"Software": "NovelAI"}, False, id="AI by a generator"),
        pytest.param(230, {}, False, id="nothing said"),
    ],
)
def test_metadata_may_contradict_a_verdict_but_never_change_it(
    client: FlaskClient, brightness: int, metadata: dict[str, str], conflict: bool
) -> None:
    silent, speaking = predict(client, picture(brightness)), predict(client, picture(brightness, **metadata))
    assert speaking["conflict"] is conflict
    assert len(speaking["evidence"]) == bool(metadata)
    for fact in ("label", "decision", "probability", "confidence"):
        assert speaking[fact] == silent[fact]


def test_a_finding_says_where_it_stands_and_what_it_means(client: FlaskClient) -> None:
    [finding] = predict(client, picture(230, Make="Canon", Model="Canon EOS R5"))["evidence"]
    assert finding == {
        "source": "camera",
        "says": "real",
        "name": "Canon EOS R5",
        "detail": "the file's EXIF, unsigned, names the camera Canon EOS R5",
    }
