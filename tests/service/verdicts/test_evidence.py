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


def test_each_image_of_a_batch_has_its_own_evidence(client: FlaskClient) -> None:
    files = [(io.BytesIO(picture(230, Make="Canon")), "a.png"), (io.BytesIO(picture(230)), "b.png")]
    answer = client.post("/predict/batch", data={"files": files}).json
    assert answer is not None
    assert [len(item["verdict"]["evidence"]) for item in answer["items"]] == [1, 0]


def test_findings_and_conflicts_are_counted(client: FlaskClient, metric: Callable[..., float]) -> None:
    for brightness in (230, 25):
        predict(client, picture(brightness, Make="Canon"))
    predict(client, picture(25, Software="NovelAI"))
    assert metric("truegrain_findings_total", source="camera", says="real") == 2
    assert metric("truegrain_findings_total", source="generator_text", says="ai") == 1
    assert metric("truegrain_conflicts_total") == 2
