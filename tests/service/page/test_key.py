"""A service that needs API keys: the page asks for a key, says why, and forgets it with the tab."""

from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from service.protection.api_keys import Key, hash_of

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported


@pytest.fixture
def guarded(
    publish: Callable[..., object],
    give_keys: Callable[..., None],
    start_client: Callable[..., Any],
    open_page: Callable[..., Page],
) -> Page:
    """The page of a service that needs a key; the key 'judge' gets verdicts, the key 'both' may give feedback too."""
    publish("7")
    give_keys(
        Key(name="judge", roles=("predict",), hashes=(hash_of("judge"),)),
        Key(name="both", roles=("predict", "feedback"), hashes=(hash_of("both"),)),
    )
    return open_page(start_client(require_auth=True).application)


def give(page: Page, key: str, *, because: str) -> None:
    page.wait(lambda: because in page.text("#key .why"), what=f"the dialog that says '{because}'")
    page.find("#key input").send_keys(key, Keys.ENTER)


def test_a_key_is_asked_for_with_the_reason_until_it_is_enough(guarded: Page, draw: Draw) -> None:
    guarded.choose(("photo.jpg", draw(230)))
    give(guarded, "mistyped", because="needs an API key")
    give(guarded, "judge", because="not known")
    guarded.wait(lambda: guarded.text("#headline") == "Looks AI-generated", what="the verdict")
    guarded.judge(("another.jpg", draw(25)))
    assert guarded.text("#headline") == "Looks real"
    guarded.click(".agree")
    give(guarded, "both", because="needs the role 'feedback'")
    guarded.wait(lambda: guarded.find(".agree[aria-pressed=true]"), what="the thumb up")
    assert guarded.run("return JSON.stringify(localStorage)") == "{}"


def test_who_gives_no_key_can_try_again(guarded: Page, draw: Draw) -> None:
    guarded.choose(("photo.jpg", draw(230)))
    guarded.wait(lambda: guarded.text("#key"), what="the dialog")
    guarded.click("#key .cancel")
    guarded.wait(lambda: guarded.text("#headline") == "Not judged", what="the refusal")
    guarded.click(".again")
    give(guarded, "judge", because="needs an API key")
    guarded.wait(lambda: guarded.text("#headline") == "Looks AI-generated", what="the verdict")
