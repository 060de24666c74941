"""What a file says of its origin heads the page, above the verdict on the pixels; notes say what limits a verdict."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apiflask import APIFlask
from axe_core_python.base import AXE_SCRIPT
from PIL import Image, PngImagePlugin

from model.settings import Settings
from service.app import create_app
from support.credentials import IPTC, sign, trust_list

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported

CAPTURED = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}
FILLED = {"action": "c2pa.edited", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}


def generated(brightness: int = 25) -> bytes:
    """A picture in which a generator has left its settings; a dark one looks real."""
    noise = np.random.default_rng(brightness).integers(-9, 10, (64, 64, 3))
    file, text = io.BytesIO(), PngImagePlugin.PngInfo()
    text.add_text("parameters", "a lighthouse at dusk\nSteps: 20, Sampler: Euler a, Seed: 1, Model: dream")
    Image.fromarray((brightness + noise).clip(0, 255).astype(np.uint8)).save(file, "PNG", pnginfo=text)
    return file.getvalue()


def tiny_animation() -> bytes:
    first, second = (Image.new("RGB", (64, 12), colour) for colour in ("navy", "gold"))
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=[second])
    return file.getvalue()


@pytest.fixture
def trusting_page(
    open_page: Callable[[APIFlask], Page], publish: Callable[..., object], home: Path, tmp_path: Path
) -> Iterator[Page]:
    """The page of a service with a trust list that names the signer of the tests."""
    publish("7")
    (tmp_path / "list.pem").write_text(trust_list())
    app = create_app(Settings(home=home, c2pa_trust_list=str(tmp_path / "list.pem")))
    yield open_page(app)
    app.extensions["truegrain"].stop()


def test_what_a_generator_wrote_heads_the_page_and_the_pixels_stand_below(page: Page) -> None:
    page.judge(("dark.png", generated()))
    assert page.text("#headline") == "The file itself says AI"
    assert page.text(".verdict > .claim") == "Generator’s text: Stable Diffusion web UI (unsigned)"
    assert page.text(".pixels") == "The pixels look real"
    assert "about 98 were real" in page.text(".sentence")
    assert "The file and the pixels disagree" in page.text(".conflict")


def test_without_a_claim_the_verdict_on_the_pixels_is_the_headline_again(page: Page, draw: Draw) -> None:
    page.judge(("dark.png", generated()))
    page.judge(("bright.jpg", draw(230)))
    assert page.text("#headline") == "Looks AI-generated"
    assert page.text(".pixels") == page.text(".verdict > .claim") == page.text(".conflict") == ""


def test_a_signer_on_the_trust_list_is_told_from_another(trusting_page: Page, draw: Draw) -> None:
    trusting_page.judge(("camera.jpg", sign(draw(25), CAPTURED)))
    assert trusting_page.text("#headline") == "The file itself says real"
    assert trusting_page.text(".verdict > .claim") == (
        "Content Credentials: Dream Machine 3 (signed, by a signer on the trust list)"
    )


def test_credentials_of_a_stranger_that_say_real_are_no_headline(page: Page, draw: Draw) -> None:
    page.judge(("camera.jpg", sign(draw(230), CAPTURED)))
    assert page.text("#headline") == "Looks AI-generated"
    assert "no trust list of the service names the signer" in page.text(".evidence")
    assert "This contradicts the verdict" in page.text(".conflict")
    assert page.text("#history .claim") == "File contradicts"


def test_a_picture_changed_by_a_generator_is_ai_in_parts(page: Page, draw: Draw) -> None:
    page.judge(("filled.jpg", sign(draw(25), CAPTURED, FILLED)))
    assert page.text("#headline") == "The file itself says AI in parts"
    assert page.text(".pixels") == "The pixels look real"


def test_history_csv_and_download_show_the_conflict(page: Page, draw: Draw) -> None:
    page.judge(("plain.jpg", draw(25)))
    page.judge(("dark.png", generated()))
    page.await_saved(2)
    page.load()
    assert [card.text.splitlines() for card in page.all("#history .open")] == [
        ["Real", "2 % AI", "File says AI", "dark.png"],
        ["Real", "2 % AI", "plain.jpg"],
    ]
    assert page.find("#history .claim[data-conflict=true]").text == "File says AI"
    page.click(".export")
    rows = list(csv.DictReader(io.StringIO(page.downloaded("truegrain.csv").read_text("utf-8-sig"), newline="")))
    assert [(row["decision"], row["file_says"], row["conflict"]) for row in rows] == [
        ("real", "ai", "true"),
        ("real", "", "false"),
    ]
    assert rows[0]["evidence"] == "generator_text ai (unsigned): Stable Diffusion web UI"
    verdict = {"decision": "real", "probability": 0.02, "file_says": "ai", "conflict": True}
    verdict = {"decision": "real", "probability": 0.02, "file_says": "ai", "conflict": True, "notes": []}
    line = page.module("words", "it.title(given[0])", verdict).replace("\N{NO-BREAK SPACE}", " ")
    assert line == "The file itself says AI · the pixels look real · 2 % AI"
    page.click(".download")
    with Image.open(page.downloaded("dark - verdict.jpg")) as picture:
        assert picture.width == 640


def test_a_verdict_and_the_file_s_claim_are_read_out_together(page: Page) -> None:
    page.judge(("dark.png", generated()))
    assert page.find("#news").get_property("textContent").replace("\N{NO-BREAK SPACE}", " ") == (
        "dark.png: The file itself says AI; the pixels look real, probability of AI 2 %"
    )


def test_a_note_says_why_the_detector_cannot_judge_and_another_what_it_did_not_see(page: Page) -> None:
    page.judge(("tiny.gif", tiny_animation()))
    assert page.text("#headline") == "Unsure"
    assert "A side of 12 pixels is too few to judge" in page.text(".sentence")
    assert [note.text for note in page.all(".notes li")] == [
        "The detector saw 19 % of the picture, the square in its middle.",
        "The file holds several frames, and only the first was judged.",
    ]
    page.click(".export")
    [row] = csv.DictReader(io.StringIO(page.downloaded("truegrain.csv").read_text("utf-8-sig"), newline=""))
    assert {"too_small", "centre_only", "first_frame"} <= set(row["notes"].split("; "))


def test_a_check_of_an_earlier_release_is_still_shown(page: Page, draw: Draw) -> None:
    page.judge(("old.jpg", draw(230)))
    page.await_saved(1)
    page.run("""
        const archive = await (await import("/static/js/archive.js")).openArchive();
        const [check] = await archive.read();
        for (const field of ["notes", "file_says"]) delete check.verdict[field];
        await archive.write(check);
    """)
    page.load()
    assert page.text("#headline") == "Looks AI-generated"
    assert page.all(".notes li") == []


def test_the_map_s_test_says_what_was_compared(empty_page: Page) -> None:
    def describe(after: float, controls: list[float], outdone: float, overlay: str | None) -> str:
        deletion = {"share": 0.25, "before": 1.0, "after": after, "controls": controls, "outdone": outdone}
        given = {"label": "ai"}, {"deletion": deletion, "overlay": overlay}
        return str(empty_page.module("words", "it.describeMap(...given)", *given)).replace("\N{NO-BREAK SPACE}", " ")

    shown = describe(0.9999, [1.0] * 19, 1.0, "data:")
    assert "the reddest 25 % of the picture was painted over, 19 of 19 other places took less" in shown
    assert "100" not in shown
    assert "only 7 of 19 other places took less" in describe(0.9, [0.8] * 12 + [0.95] * 7, 7 / 19, None)
    assert "the probability of AI hardly changes" in describe(0.99, [1.0] * 19, 1.0, None)


@pytest.mark.parametrize("screen", ["page", "phone"])
def test_claims_conflicts_and_notes_are_accessible(request: pytest.FixtureRequest, screen: str, draw: Draw) -> None:
    page = request.getfixturevalue(screen)
    pictures = [("tiny.gif", tiny_animation()), ("dark.png", generated()), ("c.jpg", sign(draw(25), CAPTURED, FILLED))]
    for number, picture in enumerate(pictures):
        page.judge(picture)
        for scheme in ("light", "dark"):
            medium = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", medium)
            page.driver.execute_script(AXE_SCRIPT)
            found = page.run("return (await axe.run()).violations")
            assert [one for one in found if one["impact"] in {"serious", "critical"}] == [], (number, scheme)
    width = page.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
