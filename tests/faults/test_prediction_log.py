"""Workers and databases that die under the service: verdicts go on, and afterwards every one of them is in the log."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from figures.served import Service, serving
from model.engines import DRIVER
from postgresql import NEEDS_POSTGRESQL, running_postgresql

SECONDS = 60.0
SMALL = 400_000
"""Bytes of a disk that a few predictions fill."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(folder)], check=False)
    if made.returncode != 0:
        pytest.skip("only root can have a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def picture(draw_flat: Callable[[int], bytes]) -> bytes:
    return draw_flat(200)


def ask(service: Service, picture: bytes, count: int) -> set[str]:
    """Return the ids of so many verdicts; each request must be answered by one."""

    def predict(_: int) -> str:
        answer = requests.post(f"{service.url}/predict", data=picture, headers={"Content-Type": "image/png"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(4) as pool:
        return set(pool.map(predict, range(count)))


def logged(url: str) -> set[str]:
    """Return the ids in the database; none as long as there is no table."""
    engine = create_engine(url)
    try:
        with contextlib.suppress(Exception), engine.connect() as connection:
            return {id_ for (id_,) in connection.execute(text("select id from predictions"))}
        return set()
    finally:
        engine.dispose()


def await_logged(url: str, given: set[str]) -> None:
    await_true(lambda: logged(url) == given, what="every verdict to be in the log, and nothing else")


def await_true(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


def await_trouble(service: Service, state: str) -> None:
    """Wait until a worker says in which trouble its log is."""
    await_true(lambda: state in {_log_of(service)["state"] for _ in range(4)}, what=f"the log to be {state}")
    assert any(f"prediction log is {state}" in trouble for trouble in _troubles(service))
    scrape = requests.get(f"{service.url}/metrics", timeout=30).text
    assert f'truegrain_prediction_log_state{{state="{state}"}} 1.0' in scrape
