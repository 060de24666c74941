"""What the page offers whoever has no file: drawn pictures, and the reason why an address is not fetched."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from truegrain_docs.examples import DRAWN, FOLDER, draw

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported

HAND_OVER_TEXT = """
    const [event, kind, text] = arguments;
    const data = new DataTransfer();
    data.setData(kind, text);
    const fields = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
    const made = event === "paste" ? new ClipboardEvent(event, fields) : new DragEvent(event, fields);
    return !document.body.dispatchEvent(made);
"""
ADDRESS = "https://pictures.example/cat.jpg"


@pytest.mark.parametrize("name", DRAWN)
def test_the_examples_are_what_the_built_in_source_draws(name: str) -> None:
    pictures = [
        np.asarray(Image.open(io.BytesIO(data)), dtype=float) for data in (draw(name), (FOLDER / name).read_bytes())
    ]
    assert np.abs(pictures[0] - pictures[1]).mean() < 1, "run `python -m truegrain_docs.examples`"


def test_an_example_is_judged_by_a_click_and_said_to_be_drawn(page: Page) -> None:
    assert "that a program has drawn" in page.text("#examples")
    buttons = {button.text: button for button in page.all("#examples button")}
    assert list(buttons) == ["Drawn as a photograph", "Drawn as an AI picture"]
    for words, button in buttons.items():
        page.driver.execute_script("arguments[0].click()", button)
        page.wait(lambda words=words: page.text(".verdict > .name") == f"{words}.jpg", what=f"the picture '{words}'")
        page.wait(lambda: not page.all("[data-state=waiting]"), what="the verdict")
    assert len(page.all("#history li")) == 2
    assert page.all("#history [data-state=refused]") == []


@pytest.mark.parametrize(("event", "kind"), [("paste", "text/plain"), ("drop", "text/uri-list")])
def test_an_address_is_not_fetched_and_the_page_says_why(
    page: Page, draw: Draw, metric: Callable[..., float], event: str, kind: str
) -> None:
    assert page.text("#address") == ""
    is_kept_from_browser = page.driver.execute_script(HAND_OVER_TEXT, event, kind, f"{ADDRESS}\n")
    assert is_kept_from_browser == (event == "drop")
    assert page.text("#address").startswith(f"{ADDRESS} is an address")
    assert "save the picture, and drop the file" in page.text("#address")
    with pytest.raises(AssertionError, match="nothing exports"):
        metric("flask_http_request_total", method="POST")
    page.judge(("photo.jpg", draw(230)))
    assert page.text("#address") == ""


def test_other_text_is_left_alone(page: Page) -> None:
    assert not page.driver.execute_script(HAND_OVER_TEXT, "paste", "text/plain", "is https://a.example a picture?")
    assert not page.driver.execute_script(HAND_OVER_TEXT, "drop", "text/plain", "some words")
    assert page.text("#address") == ""


def test_the_three_verdicts_are_explained_before_and_after_a_reload(page: Page, draw: Draw) -> None:
    words = [definition.text for definition in page.all("#legend dd")]
    assert len(words) == 3
    assert all(words)
    page.judge(("photo.jpg", draw(230)))
    page.await_saved(1)
    page.load()
    page.wait(lambda: page.text("#headline") == "Looks AI-generated", what="the verdict of before")
    assert [definition.text for definition in page.all("#legend dd")] == words
