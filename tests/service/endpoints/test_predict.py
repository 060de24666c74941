import hashlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests
from flask.testing import FlaskClient
from PIL import Image
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from model.images.formats import FORMATS
from service.answers.verdict import Verdict

Draw = Callable[..., bytes]
Publish = Callable[..., object]


def post(client: FlaskClient, image: bytes, **kwargs: str) -> Verdict:
    answer = client.post("/predict", data=image, content_type="image/jpeg", headers=kwargs)
    assert answer.status_code == 200, answer.text
    return Verdict.model_validate_json(answer.data)


@pytest.fixture(autouse=True)
def version_7(publish: Publish) -> None:
    publish("7")


def test_a_bright_image_is_ai_and_a_dark_one_is_real(client: FlaskClient, draw: Draw) -> None:
    bright, dark = post(client, draw(230)), post(client, draw(25))
    assert (bright.label, bright.decision) == ("ai", "ai")
    assert (dark.label, dark.decision) == ("real", "real")
    assert bright.probability > 0.9 and dark.probability < 0.1


def test_confidence_is_the_probability_of_the_label(client: FlaskClient, draw: Draw) -> None:
    bright, dark = post(client, draw(230)), post(client, draw(25))
    assert bright.confidence == bright.probability
    assert dark.confidence == 1 - dark.probability


def test_a_probability_in_the_band_of_doubt_is_unsure(client: FlaskClient, draw: Draw) -> None:
    verdict = post(client, draw(128))
    assert 0.45 < verdict.probability < 0.55
    assert verdict.decision == "unsure"


def test_the_verdict_names_the_version_and_the_image(client: FlaskClient, draw: Draw) -> None:
    image = draw(230, size=(60, 40), kind="PNG")
    verdict = post(client, image)
    assert (verdict.model.name, verdict.model.version) == ("ai-image-detector", "7")
    assert verdict.model.dataset_version == "20260105-0123456789ab"
    assert verdict.image.sha256 == hashlib.sha256(image).hexdigest()
    assert (verdict.image.format, verdict.image.width, verdict.image.height) == ("PNG", 60, 40)


def test_the_stages_make_up_the_total(client: FlaskClient, draw: Draw) -> None:
    timings = post(client, draw(230, size=(640, 480))).timings_ms
    assert min(timings.decode, timings.preprocess, timings.inference) > 0
    assert timings.decode + timings.preprocess + timings.inference <= timings.total + 0.002  # each is rounded


def test_the_log_names_version_decision_image_and_timings(client: FlaskClient, draw: Draw) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        verdict = post(client, draw(230))
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["version"], line["decision"], line["image_sha256"]) == ("7", "ai", verdict.image.sha256)
    assert line["timings_ms"] == verdict.timings_ms.model_dump()


def test_a_multipart_file_gets_the_verdict_of_the_same_bytes_sent_raw(client: FlaskClient, draw: Draw) -> None:
    image = draw(140)
    answer = client.post("/predict", data={"file": (io.BytesIO(image), "photo.jpg")})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["probability"] == post(client, image).probability


@pytest.mark.parametrize("kind", FORMATS)
def test_every_accepted_format_is_judged(client: FlaskClient, draw: Draw, kind: str) -> None:
    assert post(client, draw(230, kind=kind)).image.format == kind


def test_heic_and_avif_are_judged_by_gunicorn(serve: Callable[..., Any], draw: Draw) -> None:
    service = serve()
    service.await_version("7")
    for kind, content_type in (("HEIC", "image/heic"), ("AVIF", "binary/octet-stream")):
        image = draw(230, size=(96, 64), kind=kind)
        headers = {"Content-Type": content_type}
        raw = requests.post(f"{service.url}/predict", data=image, headers=headers, timeout=30)
        for answer in (raw, service.predict(image)):
            assert answer.status_code == 200, answer.text
            facts = answer.json()["image"]
            assert (facts["format"], facts["width"], facts["height"]) == (kind, 96, 64)


def to_gif(*levels: int) -> bytes:
    first, *others = (
        Image.fromarray(np.random.default_rng(level).integers(level - 9, level + 10, (48, 48, 3)).astype(np.uint8))
        for level in levels
    )
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others)
    return file.getvalue()


def test_an_animation_is_judged_by_its_first_frame_and_says_so(client: FlaskClient) -> None:
    verdict = post(client, to_gif(220, 30))
    assert ([note.code for note in verdict.notes], verdict.decision) == (["first_frame"], "ai")


def test_a_picture_too_small_for_training_is_unsure_whatever_its_probability(client: FlaskClient, draw: Draw) -> None:
    verdict = post(client, draw(240, size=(15, 200), kind="PNG"))
    assert "too_small" in [note.code for note in verdict.notes]
    assert (verdict.label, verdict.decision) == ("ai", "unsure")
    assert verdict.probability > 0.9


def test_a_file_within_reason_has_no_notes(client: FlaskClient, draw: Draw) -> None:
    assert post(client, draw(230)).notes == []
