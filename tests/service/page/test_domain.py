"""The page claims nothing about pictures that the detector does not know, and says that a demonstration is one."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from apiflask import APIFlask
from PIL import Image

from model.detectors.domain import Domain
from model.detectors.training_data import TrainingData

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported
Open = Callable[..., Page]
GREY = Domain(limit=0.3, share=0.01)


def trained_on(*, demonstration: bool) -> TrainingData:
    sides = (40, 100)
    return TrainingData(
        real=60,
        ai=40,
        sources={"synthetic": 100},
        generators={},
        formats={"JPEG": 100},
        shorter=sides,
        longer=sides,
        demonstration=demonstration,
    )


def red() -> bytes:
    levels = np.array([255, 20, 20]) + np.random.default_rng(1).integers(-1, 2, (48, 48, 1))
    file = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def opened(
    publish: Callable[..., object], open_page: Callable[[APIFlask], Page], request: pytest.FixtureRequest
) -> Open:
    """`opened(demonstration=…)` is the page with a detector that knows grey pictures of 40 to 100 px."""

    def load(*, demonstration: bool) -> Page:
        publish("7", domain=GREY, trained_on=trained_on(demonstration=demonstration))
        return open_page(request.getfixturevalue("app"))

    return load


def cards(page: Page) -> Sequence[str]:
    return [card.text for card in page.all("#history .decision")]


def test_a_picture_unlike_those_of_the_training_is_not_judged(opened: Open, draw: Draw) -> None:
    page = opened(demonstration=False)
    page.judge(("strange.png", red()))
    assert page.text("#headline") == "Unsure"
    assert page.text(".sentence") == (
        "The detector cannot judge this picture. The picture is unlike anything that the detector was trained on."
    )
    assert not page.find(".meter").is_displayed()
    assert "%" not in page.text("#result .verdict")
    assert cards(page) == ["Unsure"]
    page.judge(("known.jpg", draw(230)))
    assert page.text("#headline") == "Looks AI-generated"
    assert page.find(".meter").is_displayed()
    assert page.find("#demonstration") is None


def test_a_demonstration_says_so_and_judges_nothing(opened: Open, draw: Draw) -> None:
    page = opened(demonstration=True)
    assert "drawn pictures only: it knows no photograph" in page.text("#demonstration")
    page.judge(("drawn.jpg", draw(230)))
    assert page.text("#headline") == "Demonstration, not a judgement"
    assert "drawn pictures alone" in page.text(".sentence")
    assert "test pictures" not in page.text("#result")
    assert not page.find(".meter").is_displayed()
    assert cards(page) == ["Demonstration"]
    assert page.find("#result").get_attribute("data-state") == "demonstration"
    assert page.module("words", "it.title(given[0])", VERDICT) == "Demonstration, not a judgement"


def test_the_footer_says_what_the_detector_was_trained_on(opened: Open) -> None:
    page = opened(demonstration=False)
    assert "60 real and 40 AI-generated images; JPEG, 40 to 100 px a side" in page.text("footer")


VERDICT = {
    "decision": "ai",
    "label": "ai",
    "probability": 0.97,
    "model": {"demonstration": True},
    "notes": [],
}
