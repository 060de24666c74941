"""The page's history, downloads, CSV and feedback, and many pictures at once."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from PIL import Image

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported


# A service that judges the first picture of a batch, and refuses the others for too many pixels.
ONE_AT_A_TIME = """
    const whole = window.fetch;
    window.sizes = [];
    window.fetch = async (address, request) => {
      if (!address.startsWith("/predict/batch")) return whole(address, request);
      const size = request.body.getAll("files").length;
      window.sizes.push(size);
      const { items } = await (await whole(address, request)).json();
      const problem = { title: "The image has too many pixels", status: 413, reason: "too_many_pixels", detail: "x" };
      const answers = items.map((item, index) => (index || size === 1 ? { problem } : item));
      return new Response(JSON.stringify({ items: answers }));
    };
"""


def test_the_history_survives_a_reload_with_picture_and_map(page: Page, draw: Draw, spotlight: bytes) -> None:
    page.judge(("first.png", spotlight))
    page.judge(("second.jpg", draw(25)))
    page.await_saved(2)
    page.load()
    assert [card.text.splitlines() for card in page.all("#history .open")] == [
        ["Real", "2 % AI", "second.jpg"],
        ["AI", "60 % AI", "first.png"],
    ]
    assert page.text("#headline") == "Looks real"
    page.click("#history li:nth-child(2) .open")
    assert page.text("#headline") == "Looks AI-generated"
    page.wait(lambda: page.find(".photo").get_property("naturalWidth") == 96, what="the picture")
    assert page.find(".map").get_property("naturalWidth") > 0


def test_what_is_forgotten_stays_forgotten(page: Page, draw: Draw) -> None:
    page.judge(("first.jpg", draw(230)), ("second.jpg", draw(25)))
    page.await_saved(2)
    forget = page.find("[aria-label='Forget first.jpg']")
    page.driver.execute_script("arguments[0].click()", forget)  # the mouse would have to hover first
    assert page.text("#headline") == "Looks real"
    page.await_saved(1)
    page.load()
    assert [card.text for card in page.all("#history .open .name")] == ["second.jpg"]
    page.click(".clear")
    page.driver.switch_to.alert.accept()
    page.await_saved(0)
    page.load()
    assert page.all("#history li") == []


def test_the_download_is_the_picture_with_the_verdict_under_it(page: Page, draw: Draw) -> None:
    page.judge(("photo.jpg", draw(230, size=(800, 600))))
    page.click(".download")
    with Image.open(page.downloaded("photo - verdict.jpg")) as picture:
        assert picture.size == (800, 700)
        levels = np.asarray(picture.convert("L"), dtype=float)
    assert abs(levels[:600].mean() - 230) < 3
    strip = levels[600:]
    assert strip.mean() < 80 and strip.max() > 240, "white words on a dark strip"


def test_the_csv_lists_every_verdict(page: Page, draw: Draw) -> None:
    page.judge(("=HYPERLINK(1).jpg", draw(230)), ('a, "b".jpg', draw(25)), ("no.pdf", b"%PDF-1.7"))
    page.click(".export")
    rows = list(csv.DictReader(io.StringIO(page.downloaded("truegrain.csv").read_text("utf-8-sig"), newline="")))
    assert [(row["file"], row["decision"], row["model_version"]) for row in rows] == [
        ("'=HYPERLINK(1).jpg", "ai", "7"),
        ('a, "b".jpg', "real", "7"),
    ]
    assert float(rows[0]["probability"]) > 0.9
    assert len(rows[0]["sha256"]) == 64


def test_twenty_pictures_are_judged_together(page: Page, draw: Draw, metric: Callable[..., float]) -> None:
    pictures = [(f"{n}.png", draw(8 + 12 * n, kind="PNG")) for n in range(20)]
    page.judge(*pictures[:7], ("broken.png", pictures[7][1][:300]), *pictures[7:])
    cards = [card.text.splitlines() for card in page.all("#history .open")]
    assert [card[-1] for card in cards[:9]] == [*(f"{n}.png" for n in range(7)), "broken.png", "7.png"]
    assert [card[0] for card in cards].count("Not judged") == 1
    assert cards[0][0] == "Real" and cards[-1][0] == "AI"
    assert page.text(".progress") == "21"
    answers = {"method": "POST", "status": "200"}
    assert metric("flask_http_request_total", **answers) == 1


def test_what_was_too_much_for_one_batch_goes_in_the_next(page: Page, draw: Draw) -> None:
    page.driver.execute_script(ONE_AT_A_TIME)
    page.judge(*((f"{n}.jpg", draw(230)) for n in range(3)))
    assert [card.text.splitlines()[0] for card in page.all("#history .open")] == ["AI", "AI", "Not judged"]
    assert page.run("return window.sizes") == [3, 2, 1]


def test_a_picture_of_many_shows_its_map_when_asked(page: Page, draw: Draw, spotlight: bytes) -> None:
    page.judge(("first.png", spotlight), ("second.jpg", draw(25)))
    assert page.find(".map").get_attribute("hidden")
    page.click(".explain")
    page.wait(lambda: not page.find(".map").get_attribute("hidden"), what="the map")
    assert page.text(".explain") == ""


@pytest.fixture
def judged(page: Page, draw: Draw, client: FlaskClient) -> bytes:
    """A picture that was judged to be AI, whose verdict is in the prediction log."""
    image = draw(230)
    page.judge(("photo.jpg", image))
    written = 'truegrain_predictions_logged_total{outcome="written"} 1.0'
    page.wait(lambda: written in client.get("/metrics").text, what="the prediction to be written")
    return image


@pytest.mark.usefixtures("judged")
def test_a_thumb_is_given_changed_and_taken_back(page: Page) -> None:
    page.click(".agree")
    page.wait(lambda: page.find(".agree[aria-pressed=true]"), what="the thumb up")
    page.await_saved(1)
    page.load()
    page.click(".differ")
    page.wait(lambda: page.find(".differ[aria-pressed=true]"), what="the thumb down")
    assert page.find(".agree[aria-pressed=false]")
    page.click(".differ")
    page.wait(lambda: not page.find(".feedback [aria-pressed=true]"), what="the thumb to go")


def test_a_picture_is_given_only_with_consent(page: Page, judged: bytes, draw: Draw, home: Path) -> None:
    def reported() -> list[tuple[str, bytes | None]]:
        rows = (row for file in (home / "lake" / "feedback").iterdir() for row in pq.read_table(file).to_pylist())
        return [(row["label"], row["image"]["bytes"]) for row in rows]

    page.click(".agree")
    page.wait(lambda: page.find(".agree[aria-pressed=true]"), what="the thumb up")
    assert reported() == [("ai", None)]
    page.click(".consent")
    page.click(".differ")
    page.wait(lambda: page.find(".differ[aria-pressed=true]"), what="the thumb down")
    assert reported() == [("real", judged)]
    assert "Thank you" in page.text(".thanks")
    page.judge(("another.jpg", draw(25)))
    assert not page.find(".consent").is_selected()
