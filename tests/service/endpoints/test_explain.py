"""The heat map of a verdict is given only if it passes the deletion test."""

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from service.verdicts.heat_map import LONGEST_SIDE, draw_overlay

Draw = Callable[..., bytes]


@pytest.fixture(autouse=True)
def version_7(publish: Callable[..., object]) -> None:
    publish("7")


def paint(*, ground: int, patch: int, corner: tuple[int, int] = (0, 0), size: tuple[int, int] = (64, 64)) -> bytes:
    """Return a picture of one brightness with a square of another brightness, a quarter of its height."""
    levels = np.full((size[1], size[0], 3), ground, np.uint8)
    side, (x, y) = size[1] // 4, corner
    levels[y : y + side, x : x + side] = patch
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()


def explain(client: FlaskClient, image: bytes, query: str = "") -> dict[str, Any]:
    answer = client.post(f"/predict/explain{query}", data={"file": (io.BytesIO(image), "a.png")})
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def open_overlay(explanation: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(explanation["overlay_png"])))


def test_the_verdict_is_that_of_predict(client: FlaskClient, draw: Draw) -> None:
    explained = explain(client, draw(), "?max_fpr=0.01")
    predicted = client.post("/predict?max_fpr=0.01", data=draw(), content_type="image/jpeg").json
    assert predicted is not None
    for own in ("id", "request_id", "timings_ms"):
        predicted.pop(own)
    assert predicted.items() <= explained.items()


def test_the_map_of_an_ai_verdict_is_high_where_ai_shows(client: FlaskClient) -> None:
    explained = explain(client, paint(ground=125, patch=255))
    cam = np.array(explained["cam"])
    assert cam.shape == (4, 4)
    assert cam.argmax() == 0, "the tiny detector calls what is bright AI"
    assert explained["faithful"] is True
    assert explained["deletion"]["after"] < explained["deletion"]["before"]
    assert explained["deletion"]["outdone"] >= 0.9


def test_the_map_of_a_real_verdict_is_high_where_real_shows(client: FlaskClient) -> None:
    explained = explain(client, paint(ground=120, patch=0, corner=(48, 48)))
    assert explained["label"] == "real"
    assert np.array(explained["cam"]).argmax() == 15
    assert explained["faithful"] is True


def test_the_label_of_the_operating_point_decides_whose_map_it_is(client: FlaskClient) -> None:
    image = paint(ground=145, patch=255)  # AI from 0.5 up, not from 0.9 up
    usual, strict = explain(client, image), explain(client, image, "?max_fpr=0.01")
    assert (usual["label"], strict["label"]) == ("ai", "real")
    assert usual["deletion"]["before"] == pytest.approx(1 - strict["deletion"]["before"])


def test_a_map_that_fails_its_test_is_withheld_with_the_numbers(client: FlaskClient) -> None:
    flat = explain(client, paint(ground=230, patch=230))
    assert flat["faithful"] is False
    assert (flat["cam"], flat["overlay_png"]) == (None, None)
    assert flat["deletion"]["outdone"] == 0
    assert len(flat["deletion"]["controls"]) == 19


def test_the_overlay_lies_over_the_upright_picture(client: FlaskClient) -> None:
    overlay = open_overlay(explain(client, paint(ground=125, patch=255, corner=(32, 0), size=(128, 64))))
    assert (overlay.format, overlay.mode, overlay.size) == ("PNG", "RGBA", (128, 64))
    assert overlay.getpixel((5, 5)) == overlay.getpixel((120, 60)) != (0, 0, 0, 0), "outside the square: grey"
    red, _, _, cover = overlay.getpixel((36, 4))
    assert red > 200 and cover > 150, "where AI shows"


def test_a_large_picture_has_an_overlay_of_bounded_size() -> None:
    importance = np.eye(3, dtype=np.float32)
    sizes = {(4000, 3000): (512, 384), (50, 60_000): (1, 512), (300, 200): (300, 200)}
    for (width, height), expected in sizes.items():
        png = draw_overlay(importance, width=width, height=height)
        assert Image.open(io.BytesIO(png)).size == expected
        assert max(expected) <= LONGEST_SIDE


def test_a_map_with_nothing_for_the_verdict_draws_nothing() -> None:
    png = draw_overlay(np.full((4, 4), -1, np.float32), width=64, height=64)
    assert Image.open(io.BytesIO(png)).getchannel("A").getextrema() == (0, 0)


def test_an_explanation_is_counted_as_a_verdict_and_by_the_test_of_its_map(
    client: FlaskClient, metric: Callable[..., float]
) -> None:
    explain(client, paint(ground=120, patch=0))
    explain(client, paint(ground=230, patch=230))
    assert metric("truegrain_predictions_total") == 2
    assert metric("truegrain_explanations_total", faithful="true") == 1
    assert metric("truegrain_explanations_total", faithful="false") == 1


def test_others_may_go_first_between_its_steps(client: FlaskClient, draw: Draw, pauses: list[float]) -> None:
    explain(client, draw())
    assert pauses
