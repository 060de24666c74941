"""Drives Debian's Chromium, without a screen."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PROGRAMS: Final = ("chromium", "chromedriver")
FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # the sandbox needs rights that a container does not have
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--window-size=1280,900",
)


@contextmanager
def running_chromium() -> Iterator[webdriver.Chrome]:
    """Yield a new browser and close the browser at the end; raises FileNotFoundError if a program is missing."""
    browser, driver_program = (shutil.which(program) for program in PROGRAMS)
    if browser is None or driver_program is None:
        raise FileNotFoundError(f"{' and '.join(PROGRAMS)} are needed; Debian's packages are chromium, chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_program))
    try:
        yield driver
    finally:
        driver.quit()
