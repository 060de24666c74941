"""Drives Debian's Chromium in tests, or skips the test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver

from truegrain_rig import chromium


@contextmanager
def running_chromium() -> Iterator[webdriver.Chrome]:
    """Yield a new browser and close the browser at the end. Skip the test if no browser is installed."""
    try:
        with chromium.running_chromium() as driver:
            yield driver
    except FileNotFoundError as error:
        pytest.skip(str(error))
