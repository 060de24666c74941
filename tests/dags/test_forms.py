"""The trigger forms of the DAGs, in a real browser."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from support.browser import running_chromium
from support.idle_airflow import DAGS, IdleAirflow, idle_airflow
from truegrain_local.programs import USER

pytestmark = pytest.mark.timeout(600)

NEEDED: dict[str, dict[str, Any]] = {
    "rollback_detector": {"reason": "it calls receipts AI"},
    "withdraw_images": {"sha256": ["0" * 64, "1" * 64], "reason": "its author asked"},
}
"""Fields that must be filled in before a form can be sent."""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdleAirflow]:
    with idle_airflow(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(airflow: IdleAirflow) -> Iterator[webdriver.Chrome]:
    """A browser that is signed in to Airflow."""
    with running_chromium() as driver:
        driver.get(airflow.address)
        wait(lambda: find(driver, "[name=password]"), what="the page to sign in")
        need(driver, "[name=username]").send_keys(USER)
        need(driver, "[name=password]").send_keys(airflow.password, Keys.ENTER)
        wait(lambda: "/auth/login" not in driver.current_url, what="the page behind it")
        yield driver


@pytest.fixture
def open_form(chromium: webdriver.Chrome, airflow: IdleAirflow) -> Callable[[str], "Form"]:
    """`open_form(dag)` opens the trigger form of a DAG and waits for all its fields."""
    return lambda dag: Form(chromium, airflow, dag)


class Form:
    """An open trigger form. `untouched` holds the first values of its fields."""

    def __init__(self, driver: webdriver.Chrome, airflow: IdleAirflow, dag: str) -> None:
        self.driver = driver
        self.airflow = airflow
        self.dag = dag
        fields = airflow.fields(dag)
        self.untouched = {name: field["value"] for name, field in fields.items()}
        driver.get(f"{airflow.address}/dags/{dag}")
        wait(lambda: find(driver, "[data-testid=trigger-dag-button]"), what="the button of the DAG")
        need(driver, "[data-testid=trigger-dag-button]").click()
        wait(lambda: find(driver, "[data-testid=trigger-dag-submit]"), what="the form")
        for name, field in fields.items():
            title = field["schema"].get("title", name)
            self.wait(lambda title=title: title in self.text, what=f"the field {title}")

    @property
    def text(self) -> str:
        return need(self.driver, "[role=dialog][data-state=open]").text

    @property
    def trigger(self) -> WebElement:
        return need(self.driver, "[data-testid=trigger-dag-submit]")

    def paste(self, name: str, text: str) -> None:
        """Enter a text at once, since the form loses one of fifty keys that come without a pause."""
        field = need(self.driver, f"[name=element_{name}]")
        field.click()
        self.driver.execute_cdp_cmd("Input.insertText", {"text": text})
        assert field.get_property("value") == text

    def empty(self, name: str) -> None:
        need(self.driver, f"[name=element_{name}]").send_keys(Keys.CONTROL, "a", Keys.BACKSPACE)

    def send(self) -> dict[str, Any]:
        """Press *Trigger* and return the form of the new run."""
        before = self.airflow.api.runs(self.dag)
        self.wait(lambda: self.trigger.is_enabled(), what="*Trigger* to be more than grey", seconds=10)
        self.trigger.click()
        wait(lambda: self.airflow.api.runs(self.dag) != before, what="the run")
        return self.airflow.sent(self.dag, self.airflow.api.runs(self.dag)[0])

    def wait(self, condition: Callable[[], object], *, what: str, seconds: float = 60) -> None:
        wait(condition, what=what, seconds=seconds, shown=lambda: self.text)


def find(driver: webdriver.Chrome, selector: str) -> WebElement | None:
    return next(iter(driver.find_elements(By.CSS_SELECTOR, selector)), None)


def need(driver: webdriver.Chrome, selector: str) -> WebElement:
    found = find(driver, selector)
    assert found is not None, f"the page has no {selector}"
    return found


def wait(
    condition: Callable[[], object], *, what: str, seconds: float = 60, shown: Callable[[], str] = lambda: "no form"
) -> None:
    end = time.monotonic() + seconds
    while not _holds(condition):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s in vain for {what}; shown is:\n{shown()}")
        time.sleep(0.1)


def _holds(condition: Callable[[], object]) -> bool:
    with suppress(StaleElementReferenceException):  # the page has drawn itself anew meanwhile
        return bool(condition())
    return False


@pytest.mark.parametrize("dag", sorted(DAGS - set(NEEDED)))
def test_a_form_in_which_nothing_is_needed_is_sent_untouched(open_form: Callable[[str], Form], dag: str) -> None:
    form = open_form(dag)
    assert form.send() == form.untouched


@pytest.mark.parametrize("dag", sorted(NEEDED))
def test_a_form_is_not_sent_before_all_that_is_needed_is_entered(open_form: Callable[[str], Form], dag: str) -> None:
    form = open_form(dag)
    for name, value in NEEDED[dag].items():
        assert not form.trigger.is_enabled(), f"before {name} is entered"
        form.paste(name, "\n".join(value) if isinstance(value, list) else value)
    assert form.send() == form.untouched | NEEDED[dag]


def test_a_field_that_is_emptied_again_is_sent_as_nothing(open_form: Callable[[str], Form]) -> None:
    form = open_form("drill_new_generator")
    for name, text in {"generator": "smooth", "images": "700"}.items():
        form.paste(name, text)
        form.empty(name)
    assert form.send() == form.untouched == {"generator": None, "images": None}
