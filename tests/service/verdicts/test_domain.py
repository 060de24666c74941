"""An image out of the detector's domain is 'unsure' at every endpoint, and everybody is told why."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select

from model.detectors.domain import Domain
from model.detectors.training_data import TrainingData
from model.monitoring.database import opened
from model.monitoring.predictions import PREDICTIONS

Draw = Callable[..., bytes]
GREY = Domain(limit=0.3, share=0.01)
"""Colourful images are out of this domain."""
TRAINED_ON = TrainingData(
    real=60,
    ai=40,
    sources={"shop": 100},
    generators={},
    formats={"PNG": 100},
    shorter=(40, 100),
    longer=(48, 120),
    demonstration=False,
)


def flat(colour: tuple[int, int, int], *, side: int = 48) -> bytes:
    """A picture of nearly one colour: of one exactly there is nothing to judge."""
    levels = np.random.default_rng(side).integers(-side // 30, side // 30 + 1, (side, side, 1)) + colour
    file = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


RED, BRIGHT = flat((255, 20, 20)), flat((230, 230, 230))


@pytest.fixture(autouse=True)
def _served(publish: Callable[..., object]) -> None:
    publish("7", domain=GREY, trained_on=TRAINED_ON)
    publish("8", bias=1.0, alias="shadow", domain=GREY, trained_on=TRAINED_ON)


def judge(client: FlaskClient, path: str, image: bytes) -> dict[str, Any]:
    if path == "/predict/batch":
        answer = client.post(path, data={"files": [(io.BytesIO(image), "a.png")]})
        return dict(answer.json["items"][0]["verdict"])
    answer = client.post(path, data=image, content_type="image/png")
    assert answer.status_code == 200, answer.text
    return dict(answer.json["production"] if path == "/predict/compare" else answer.json)


@pytest.mark.parametrize(
    "path", ["/predict", "/predict?max_fpr=0.01", "/predict/batch", "/predict/explain", "/predict/compare"]
)
def test_an_image_unlike_those_of_the_training_is_unsure(client: FlaskClient, path: str) -> None:
    strange, known = judge(client, path, RED), judge(client, path, BRIGHT)
    assert (strange["decision"], strange["in_domain"]) == ("unsure", False)
    assert strange["domain_distance"] == pytest.approx(235 / 255 / 0.3, rel=0.01)
    assert [note["code"] for note in strange["notes"]] == ["out_of_domain"]
    assert (known["decision"], known["in_domain"], known["notes"]) == ("ai", True, [])
    assert known["domain_distance"] == pytest.approx(0, abs=0.02)


def test_an_image_of_another_size_than_the_training_images_is_unsure(client: FlaskClient) -> None:
    verdict = judge(client, "/predict", flat((230, 230, 230), side=300))
    assert (verdict["decision"], verdict["in_domain"], verdict["domain_distance"]) == (
        "unsure",
        False,
        pytest.approx(0, abs=0.02),
    )
    assert [note["code"] for note in verdict["notes"]] == ["outside_range"]


def test_a_verdict_says_what_the_detector_was_trained_on(client: FlaskClient) -> None:
    model = judge(client, "/predict", BRIGHT)["model"]
    assert model["trained_on"] == "60 real and 40 AI-generated images; PNG, 40 to 120 px a side"
    assert model["demonstration"] is False
    described = client.get("/model").json
    assert described is not None
    assert described["trained_on"]["sources"] == {"shop": 100}
    assert described["domain"] == {"limit": 0.3, "share": 0.01}


def test_a_detector_without_a_domain_cannot_tell(publish: Callable[..., object], client: FlaskClient) -> None:
    publish("9", bias=2.0, domain=None)
    client.application.extensions["truegrain"].store.refresh()
    verdict = judge(client, "/predict", RED)
    assert (verdict["in_domain"], verdict["domain_distance"], verdict["notes"]) == (None, None, [])
    assert verdict["model"]["trained_on"] == ""


def test_notes_are_counted_and_the_log_keeps_the_domain(client: FlaskClient, home: Path) -> None:
    for image in (RED, RED, BRIGHT):
        judge(client, "/predict", image)
    assert 'truegrain_notes_total{code="out_of_domain"} 2.0' in client.get("/metrics").text
    client.application.extensions["truegrain"].predictions.stop()
    with opened(f"sqlite:///{home / 'predictions.db'}") as engine, engine.connect() as connection:
        kept = connection.execute(select(PREDICTIONS.c.in_domain).order_by(PREDICTIONS.c.at)).scalars().all()
    assert kept == [False, False, True]
