"""`python -m truegrain_docs.pictures`: takes the manual's picture of the page, from a service that runs."""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import requests
from PIL import Image, PngImagePlugin
from selenium import webdriver
from selenium.webdriver.common.by import By

from model.sources.synthetic import Order, draw_images
from truegrain_rig.chromium import running_chromium
from truegrain_rig.stack import ROOT

PICTURE: Final = ROOT / "infra" / "docs" / "page.png"
KEY: Final = "page"
"""Name of the text in the picture that holds `digest_of_page`."""

IMAGES: Final = 6
CANDIDATES: Final = 200
"""Images of which the first with a faithful heat map is shown large."""
WIDTH, HEIGHT = 1120, 1140
"""Size of the browser's window in pixels."""
WAIT_SECONDS: Final = 30.0


def digest_of_page() -> str:
    """Return a hash of everything that decides how the page looks: its template, styles, scripts and pictures."""
    service = ROOT / "service"
    files = [
        service / "templates" / "page.html",
        service / "templates" / "icons.svg",
        *(service / "static").rglob("*.*"),
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:16]


def digest_in_picture() -> str | None:
    """Return the hash of the page that the picture shows, None for a picture that was taken in another way."""
    with Image.open(PICTURE) as picture:
        return picture.info.get(KEY)


def take(url: str) -> None:
    """Judge some built-in images on the page at `url`, show the heat map of one, and keep the picture.

    Raises LookupError if no candidate has a faithful heat map.
    """
    with tempfile.TemporaryDirectory() as folder, running_chromium() as browser:
        browser.set_window_size(WIDTH, HEIGHT)
        browser.get(url)
        _await(lambda: _find(browser, "body[data-ready]"))
        paths = [Path(folder) / f"picture-{number}.jpg" for number in range(1, IMAGES + 1)]
        for path, image in zip(paths, _choose(url), strict=True):
            path.write_bytes(image)
        browser.find_element(By.ID, "choose").send_keys("\n".join(map(str, paths)))
        _await(lambda: len(_find(browser, "#history li")) == IMAGES and not _find(browser, "[data-state=waiting]"))
        names = [card.text for card in _find(browser, "#history li")]
        [shown] = [number for number, text in enumerate(names) if paths[0].name in text]
        _find(browser, "#history li .open")[shown].click()
        explain = browser.find_element(By.CSS_SELECTOR, ".explain")
        _await(explain.is_displayed)
        explain.click()
        _await(lambda: _find(browser, ".wipe:not([hidden])"))
        shot = Path(folder) / "page.png"
        browser.save_screenshot(str(shot))
        info = PngImagePlugin.PngInfo()
        info.add_text(KEY, digest_of_page())
        with Image.open(shot) as picture:
            picture.convert("RGB").quantize(256).save(PICTURE, pnginfo=info, optimize=True)


def _choose(url: str) -> list[bytes]:
    """Return IMAGES built-in images; the first has a faithful heat map and is called AI."""
    candidates = [image.data for image in draw_images(Order(images=CANDIDATES, seed=3))]
    for image in candidates:
        answer = requests.post(f"{url}predict/explain", files={"file": image}, timeout=WAIT_SECONDS).json()
        if answer["faithful"] and answer["decision"] == "ai":
            return [image, *(other for other in candidates if other != image)][:IMAGES]
    raise LookupError(f"none of {CANDIDATES} images has a faithful heat map")


def _find(browser: webdriver.Chrome, selector: str) -> list[webdriver.remote.webelement.WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def _await(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"the page did not get so far within {WAIT_SECONDS:g} s")
        time.sleep(0.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m truegrain_docs.pictures", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000/", help="the page [http://127.0.0.1:8000/]")
    take(parser.parse_args().url)
