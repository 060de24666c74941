"""The page is accessible: keyboard, screen reader, dark mode, small screens; it contacts no other host."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_core_python.base import AXE_SCRIPT
from flask.testing import FlaskClient
from selenium.webdriver.common.keys import Keys

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported


def violations(page: Page) -> list[str]:
    """Return axe's findings of impact serious or worse, with their elements."""
    page.driver.execute_script(AXE_SCRIPT)
    found = page.run("return (await axe.run()).violations")
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


def show_everything(page: Page, draw: Draw) -> None:
    page.judge(("real.jpg", draw(25)), ("unsure.jpg", draw(128)), ("no.pdf", b"%PDF-1.7"))
    page.judge(("photo.jpg", draw(230)))
    page.click("#intake summary")
    page.click("#result summary")
    page.click("#request summary")


def test_axe_finds_nothing_serious_in_light_and_dark(page: Page, draw: Draw) -> None:
    assert violations(page) == []
    show_everything(page, draw)
    for scheme in ("light", "dark"):
        medium = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", medium)
        assert violations(page) == [], scheme
    page.click("#history li:nth-child(4) .open")
    assert page.text("#headline") == "Not judged"
    assert violations(page) == []


def test_axe_finds_nothing_serious_on_a_phone_nor_does_anything_stick_out(phone: Page, draw: Draw) -> None:
    show_everything(phone, draw)
    assert violations(phone) == []
    assert phone.run("return document.documentElement.scrollWidth") == 360


def test_only_what_is_touched_is_offered_a_camera(page: Page, request: pytest.FixtureRequest) -> None:
    assert page.text(".camera") == ""
    assert request.getfixturevalue("phone").text(".camera") == "Take a photo"


def test_the_keyboard_opens_a_verdict_and_lands_on_it(page: Page, draw: Draw) -> None:
    page.judge(("first.jpg", draw(230)), ("second.jpg", draw(25)))
    page.find("#history li:nth-child(2) .open").send_keys(Keys.ENTER)
    assert page.text("#headline") == "Looks real"
    assert page.run("return document.activeElement.id") == "headline"
    assert page.find("#history li:nth-child(2) .open[aria-current=true]")


def test_a_verdict_is_read_out(page: Page, draw: Draw) -> None:
    page.judge(("photo.jpg", draw(230)))
    assert page.find("#news[role=status]").get_property("textContent") == (
        "photo.jpg: Looks AI-generated, probability of AI 98\N{NO-BREAK SPACE}%"
    )
    label = page.find(".meter").get_attribute("aria-label").replace("\N{NO-BREAK SPACE}", " ")
    assert label == "Probability of AI: 98 %; unsure is between 45 % and 55 %"


def test_the_page_asks_no_other_host_and_obeys_its_policy(page: Page, draw: Draw) -> None:
    show_everything(page, draw)
    loaded = page.run("return performance.getEntriesByType('resource').map(({ name }) => name)")
    assert {address for address in loaded if not address.startswith((page.url, "blob:", "data:"))} == set()
    assert page.complaints() == []


def test_the_document_holds_no_script_and_no_style_of_its_own(client: FlaskClient) -> None:
    document = client.get("/").text
    assert re.findall(r"<style|style=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", document) == []
