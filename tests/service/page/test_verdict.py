"""One picture: the ways to hand it over, and what the page says about it."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported

HAND_OVER = """
    const [event, name, list] = arguments;
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(list)], name, { type: "image/png" }));
    const fields = { bubbles: true, cancelable: true, dataTransfer: files, clipboardData: files };
    const made = event === "paste" ? new ClipboardEvent(event, fields) : new DragEvent(event, fields);
    document.body.dispatchEvent(made);
"""


def test_a_chosen_picture_gets_a_verdict_in_words(page: Page, draw: Draw) -> None:
    page.judge(("bright.jpg", draw(230)))
    assert page.text("#headline") == "Looks AI-generated"
    assert page.text(".sentence") == "Of 100 test pictures that scored like this one, about 98 were AI-generated."
    page.judge(("dark.jpg", draw(25)))
    assert page.text("#headline") == "Looks real"
    assert page.text(".sentence") == "Of 100 test pictures that scored like this one, about 98 were real."
    page.judge(("grey.jpg", draw(128)))
    assert page.text("#headline") == "Unsure"
    assert "Too close to call" in page.text(".sentence")
    assert page.text(".verdict > .name") == "grey.jpg"


def test_a_thumbnail_is_shown_large_enough_to_see(page: Page, draw: Draw) -> None:
    page.judge(("thumbnail.jpg", draw(230, size=(64, 32))))
    assert page.find(".photo").size == {"width": 256, "height": 128}


def test_the_bytes_that_are_judged_are_those_of_the_file(page: Page, draw: Draw) -> None:
    image = draw(230, size=(640, 480))[:-2] + b"a tail that no encoder would keep\xff\xd9"
    page.judge(("large.jpg", image))
    page.click("#result summary")
    facts = page.text(".facts")
    assert hashlib.sha256(image).hexdigest() in facts
    assert "640 × 480" in facts
    assert "ai-image-detector, version 7" in facts


def test_a_picture_can_be_dropped_and_pasted(page: Page, draw: Draw) -> None:
    for event, headline, brightness in (("drop", "Looks AI-generated", 230), ("paste", "Looks real", 25)):
        page.driver.execute_script(HAND_OVER, event, f"{event}.png", list(draw(brightness, kind="PNG")))
        page.wait(lambda headline=headline: page.text("#headline") == headline, what=f"the verdict after a {event}")
        assert page.text(".verdict > .name") == f"{event}.png"


def test_the_place_to_drop_lights_up_while_a_file_is_over_the_page(page: Page) -> None:
    page.driver.execute_script(HAND_OVER, "dragenter", "x.png", [])
    assert page.find("body.dropping")
    page.driver.execute_script(HAND_OVER, "dragleave", "x.png", [])
    assert not page.find("body.dropping")


def test_the_arrow_keys_draw_the_heat_map_over_the_picture(page: Page, spotlight: bytes) -> None:
    page.judge(("photo.png", spotlight))
    slider, heat_map = page.find(".wipe"), page.find(".map")
    assert heat_map.get_property("naturalWidth") > 0
    before = heat_map.value_of_css_property("clip-path")
    slider.send_keys(Keys.ARROW_RIGHT * 5)
    assert slider.get_attribute("aria-valuetext") == "55 %"
    assert heat_map.value_of_css_property("clip-path") != before
    slider.send_keys(Keys.END)
    assert heat_map.value_of_css_property("clip-path") == "inset(0px 0% 0px 0px)"


def test_a_heat_map_comes_with_its_test_and_without_passing_not_at_all(page: Page, spotlight: bytes) -> None:
    page.judge(("spotlight.png", spotlight))
    assert "The redder a place, the more it speaks for AI" in page.text(".caption")
    assert "25 % of the picture" in page.text(".caption")
    even = io.BytesIO()
    Image.new("RGB", (48, 48), (230, 230, 230)).save(even, "PNG")
    page.judge(("even.png", even.getvalue()))
    assert "No heat map" in page.text(".caption")
    assert page.find(".map").get_attribute("hidden")


def test_a_file_that_says_nothing_of_itself_leaves_no_conflict(page: Page, draw: Draw) -> None:
    page.judge(("photo.jpg", draw(230)))
    assert page.text(".evidence") == "Nothing about where the picture comes from, which proves nothing."
    assert page.text(".conflict") == ""


def test_the_options_reach_the_verdict(page: Page, draw: Draw) -> None:
    page.click("#intake summary")
    page.click("#stability")
    page.click("#max-fpr option[value='0.01']")
    page.judge(("photo.jpg", draw(240)))
    assert "copies get the same verdict" in page.text(".checks")
    assert "at most 1 % of real test pictures" in page.text(".checks")
    page.click("#result summary")
    assert "0.9000" in page.text(".facts")


def test_a_file_that_cannot_be_judged_says_why_and_not_to_try_again(page: Page) -> None:
    page.judge(("notes.pdf", b"%PDF-1.7" + bytes(99)))
    assert page.text("#headline") == "Not judged"
    assert "PDF files are not accepted" in page.text(".sentence")
    assert page.text(".again") == ""
    assert "cannot show" in page.text(".blank")


def test_a_file_that_is_too_large_is_not_sent(page: Page, metric: Callable[..., float]) -> None:
    page.judge(("huge.bin", bytes(200_001)))
    assert "200,001 bytes; at most 200,000" in page.text(".sentence")
    with pytest.raises(AssertionError, match="nothing exports"):
        metric("flask_http_request_total", method="POST")


def test_a_picture_that_found_no_service_can_be_tried_again(page: Page, draw: Draw) -> None:
    page.driver.execute_script("window.whole = fetch; window.fetch = () => Promise.reject(new TypeError('offline'))")
    page.judge(("photo.jpg", draw(230)))
    assert "cannot be reached" in page.text(".sentence")
    page.driver.execute_script("window.fetch = window.whole")
    page.click(".again")
    page.wait(lambda: page.text("#headline") == "Looks AI-generated", what="the verdict")


def test_before_the_first_detector_the_page_says_so(empty_page: Page) -> None:
    assert "No detector is in service yet" in empty_page.text(".notice")
