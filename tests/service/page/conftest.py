"""The page in Debian's Chromium, which can reach only the application."""

import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apiflask import APIFlask
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from werkzeug.serving import make_server

from support.browser import running_chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    with running_chromium() as driver:
        yield driver


class Page:
    """The page as a user sees it."""

    def __init__(self, driver: webdriver.Chrome, url: str, folder: Path) -> None:
        self.driver = driver
        self.url = url
        self.folder = folder

    def load(self) -> None:
        self.driver.get(self.url)
        self.wait(lambda: self.find("body[data-ready]"), what="the page's script")

    def find(self, selector: str) -> WebElement | None:
        return next(iter(self.driver.find_elements(By.CSS_SELECTOR, selector)), None)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The visible text of an element, empty when it is hidden."""
        element = self.find(selector)
        assert element is not None, f"the page has no {selector}"
        return element.text

    def click(self, selector: str) -> None:
        element = self.find(selector)
        assert element is not None, f"the page has no {selector}"
        element.click()

    def wait(self, condition: Callable[[], object], *, what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {seconds} s in vain for {what}; the page shows:\n{self.text('main')}")
            time.sleep(0.02)

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of an asynchronous JavaScript function with the arguments `given`; return its value."""
        return self.driver.execute_script(
            f"const given = [...arguments]; return (async () => {{ {script} }})()", *arguments
        )

    def module(self, name: str, expression: str, *arguments: object) -> Any:
        """Return the value of an `expression` in which `it` is one of the page's modules."""
        return self.run(f"const it = await import('/static/js/{name}.js'); return {expression}", *arguments)

    def choose(self, *files: tuple[str, bytes]) -> None:
        """Choose files, each a name and its bytes, as with the button."""
        field = self.find("#choose")
        assert field is not None
        field.send_keys("\n".join(str(self._write(name, data)) for name, data in files))

    def judge(self, *files: tuple[str, bytes]) -> None:
        """Choose files and wait for the verdict on each."""
        before = len(self.all("#history li"))
        self.choose(*files)
        self.wait(lambda: len(self.all("#history li")) == before + len(files), what="the new cards")
        self.wait(lambda: not self.all("[data-state=waiting]"), what="the verdicts")

    def await_saved(self, count: int) -> None:
        """Wait until the browser has stored so many checks."""
        saved = "(await (await it.openArchive()).read()).filter(({ thumbnail }) => thumbnail).length"
        self.wait(lambda: self.module("archive", saved) == count, what=f"{count} checks to be saved")

    def downloaded(self, name: str) -> Path:
        path = self.folder / "downloads" / name
        self.wait(path.exists, what=f"the download of {name}")
        return path

    def complaints(self) -> Sequence[str]:
        """What the browser wrote to its console since the last call: errors, refused addresses."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture
def spotlight() -> bytes:
    """A grey picture with a bright disc, which alone makes the tiny detector say AI: its map is faithful."""
    row, column = np.mgrid[:96, :96]
    levels = np.where((row - 30) ** 2 + (column - 40) ** 2 < 24**2, 255, 110).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).convert("RGB").save(file, "PNG")
    return file.getvalue()


@contextmanager
def serving(app: APIFlask) -> Iterator[str]:
    """Serve the application at the yielded address; a new port each time, for which the browser has stored nothing."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_page(chromium: webdriver.Chrome, tmp_path: Path) -> Iterator[Callable[[APIFlask], Page]]:
    """`open_page(app)` loads the page of an application."""
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path / "downloads")}
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    with ExitStack() as servers:

        def load(app: APIFlask) -> Page:
            page = Page(chromium, servers.enter_context(serving(app)), tmp_path)
            page.complaints()
            page.load()
            return page

        yield load


@pytest.fixture
def empty_page(open_page: Callable[[APIFlask], Page], app: APIFlask) -> Page:
    """The page before the first promotion, unless the test has published a version."""
    return open_page(app)


@pytest.fixture
def page(publish: Callable[..., object], request: pytest.FixtureRequest) -> Page:
    """The page with the tiny detector in service: above half of full brightness a picture is AI."""
    publish("7")
    loaded: Page = request.getfixturevalue("empty_page")
    return loaded


@pytest.fixture
def phone(page: Page) -> Iterator[Page]:
    """The page on a narrow touch screen."""
    screen = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.load()
    yield page
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
