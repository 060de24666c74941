"""The page of the API: requests are tried in it, with a key and without, and nothing is loaded from elsewhere."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from selenium.webdriver.support.select import Select

from service.answers.problems import PROBLEMS
from service.protection.api_keys import Key, hash_of

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported
SECRET = "tg_" + "k" * 43


@pytest.fixture
def docs(page: Page) -> Page:
    page.driver.get(f"{page.url}docs")
    page.wait(lambda: page.find("body[data-ready]"), what="the viewer")
    return page


def shown(docs: Page, selector: str) -> Any:
    """Return an element as soon as the viewer has drawn it."""
    docs.wait(lambda: docs.find(selector), what=selector)
    return docs.find(selector)


def operation(docs: Page, name: str) -> str:
    """Open an operation; return the selector of its block."""
    block = f"[id^=operations-][id$=-{name}]"
    docs.wait(lambda: docs.find(block), what=f"the operation {name}")
    if not docs.find(f"{block}.is-open"):
        shown(docs, f"{block} .opblock-summary-control").click()
    docs.wait(lambda: docs.find(f"{block} .execute"), what="the button that sends the request")
    return block


def send(docs: Page, block: str) -> tuple[str, Any]:
    """Press the button; return the status and the JSON of the answer."""
    button = docs.find(f"{block} .execute")
    docs.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", button)
    button.click()
    docs.wait(lambda: docs.find(f"{block} .live-responses-table .response-col_status"), what="the answer")
    status = docs.text(f"{block} .live-responses-table .response .response-col_status").split()[0]
    return status, json.loads(docs.text(f"{block} .live-responses-table .highlight-code code"))


def test_an_image_is_tried_and_gets_a_verdict_with_the_options(docs: Page, draw: Draw) -> None:
    block = operation(docs, "predict")
    shown(docs, f"{block} input[type=file]").send_keys(str(docs._write("photo.jpg", draw(230))))
    Select(shown(docs, f"{block} [data-param-name=stability] select")).select_by_value("true")
    status, verdict = send(docs, block)
    assert status == "200"
    assert (verdict["decision"], verdict["stability"], verdict["image"]["format"]) == ("ai", 1, "JPEG")


def test_a_request_that_is_wrong_shows_the_problem(docs: Page) -> None:
    block = operation(docs, "predict")
    shown(docs, f"{block} input[type=file]").send_keys(str(docs._write("notes.pdf", b"%PDF-1.7")))
    status, problem = send(docs, block)
    assert (status, problem["reason"]) == ("415", "format_not_allowed")


def test_the_page_asks_no_other_host_and_obeys_its_policy(docs: Page, draw: Draw) -> None:
    docs.complaints()  # those of the pages before
    block = operation(docs, "predict_batch")
    shown(docs, f"{block} .json-schema-form-item-add").click()
    shown(docs, f"{block} input[type=file]").send_keys(str(docs._write("photo.jpg", draw(230))))
    assert send(docs, block)[0] == "200"
    loaded = docs.run("return performance.getEntriesByType('resource').map(({ name }) => name)")
    assert {address for address in loaded if not address.startswith((docs.url, "blob:", "data:"))} == set()
    assert [entry for entry in docs.driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_key_of_the_page_or_one_typed_here_opens_a_guarded_service(
    publish: Callable[..., object],
    give_keys: Callable[..., None],
    start_client: Callable[..., Any],
    open_page: Callable[[APIFlask], Page],
) -> None:
    publish("7")
    give_keys(Key(name="shop", roles=("predict",), hashes=(hash_of(SECRET),)))
    page = open_page(start_client(require_auth=True).application)
    page.driver.get(f"{page.url}docs")
    page.wait(lambda: page.find("body[data-ready]"), what="the viewer")
    block = operation(page, "model")
    assert send(page, block)[0] == "401"
    shown(page, ".btn.authorize").click()
    shown(page, ".auth-container input").send_keys(SECRET)
    shown(page, ".auth-btn-wrapper .authorize").click()
    shown(page, ".auth-btn-wrapper .btn-done").click()
    shown(page, f"{block} .btn-clear").click()
    status, described = send(page, block)
    assert (status, described["version"]) == ("200", "7")
    page.run("sessionStorage.setItem('truegrain-key', given[0])", SECRET)
    page.driver.refresh()
    page.wait(lambda: page.find("body[data-ready]"), what="the viewer")
    assert send(page, operation(page, "model"))[0] == "200"


def test_the_address_of_a_problem_shows_its_line(page: Page) -> None:
    page.driver.get(f"{page.url}docs#not_an_image")
    page.wait(lambda: page.find("body[data-ready]"), what="the viewer")
    row = page.find("#not_an_image")
    page.wait(
        lambda: page.run("const { top } = given[0].getBoundingClientRect(); return top >= 0 && top < innerHeight", row),
        what="the line",
    )
    assert PROBLEMS["not_an_image"][1] in row.text


def test_the_page_is_dark_where_the_reader_wants_it_dark(docs: Page) -> None:
    grounds = {}
    for scheme, wanted in (("light", "html:not(.dark-mode)"), ("dark", "html.dark-mode")):
        medium = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        docs.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", medium)
        docs.wait(lambda wanted=wanted: docs.find(wanted), what=f"the page to be {scheme}")
        grounds[scheme] = docs.find("html").value_of_css_property("background-color")
    assert grounds["light"] != grounds["dark"]
