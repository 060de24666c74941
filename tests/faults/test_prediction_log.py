"""Workers and databases die under the service: verdicts go on, and the log has every verdict afterwards."""

import contextlib
import io
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from model.monitoring.database import open_database
from support.postgresql import NEEDS_POSTGRESQL, running_postgresql
from truegrain_rig.served import Service, serving

SECONDS = 60.0
SMALL = 600_000
"""Bytes of a small disk."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", folder], check=False).returncode != 0:
        pytest.skip("only root can have a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill a disk until the block ends."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    yield
    filling.unlink()


def ask(service: Service, count: int) -> set[str]:
    """Have so many images judged, and return the ids of the verdicts; each image must get one."""
    file = io.BytesIO()
    Image.new("RGB", (40, 48), (200,) * 3).save(file, "PNG")

    def predict(_: int) -> str:
        answer = requests.post(f"{service.url}/predict", files={"file": file.getvalue()}, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(4) as pool:
        return set(pool.map(predict, range(count)))


def health(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{service.url}/health", timeout=30).json()
    return found


def await_true(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS} s in vain for {what}"
        time.sleep(0.1)


def await_trouble(service: Service, state: str) -> None:
    """Wait until a worker reports the trouble in /health and in the metrics."""

    def is_named() -> bool:
        found, scrape = health(service), requests.get(f"{service.url}/metrics", timeout=30).text
        return (
            found["log"]["state"] == state
            and any(f"the prediction log is {state}" in trouble for trouble in found["troubles"])
            and f'truegrain_prediction_log_state{{state="{state}"}} 1.0' in scrape
        )

    await_true(is_named, what=f"the log to be {state}")


def await_logged(url: str, given: set[str]) -> None:
    """Wait until the database holds exactly these verdicts."""
    engine = open_database(url)

    def are_there() -> bool:
        try:
            with engine.connect() as connection:
                return {id_ for (id_,) in connection.execute(text("select id from predictions"))} == given
        except DBAPIError:  # there is no table yet
            return False

    await_true(are_there, what="every verdict to be in the log")
    engine.dispose()


def test_workers_are_killed_while_the_database_is_locked(tiny_artifact: Callable[..., Path], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/predictions.db?timeout=0.5"
    with serving(tiny_artifact(), predictions=url, queue=8) as service:
        given = ask(service, 10)
        await_logged(url, given)
        with contextlib.closing(sqlite3.connect(tmp_path / "predictions.db")) as intruder:
            intruder.execute("begin immediate")
            given |= ask(service, 30)
            await_trouble(service, "locked")
            killed = service.workers()
            for worker in killed:
                worker.kill()
            await_true(lambda: not any(worker.is_running() for worker in killed), what="the workers to be replaced")
            await_true(lambda: requests.get(f"{service.url}/readyz", timeout=30).ok, what="a new worker")
            given |= ask(service, 10)
        await_logged(url, given)


@NEEDS_POSTGRESQL
def test_the_database_server_dies_and_comes_back(tiny_artifact: Callable[..., Path]) -> None:
    with (
        running_postgresql() as database,
        serving(tiny_artifact(), predictions=database.url, queue=8) as service,
    ):
        given = ask(service, 20)
        await_logged(database.url, given)
        database.stop()
        given |= ask(service, 40)
        await_trouble(service, "gone")
        database.start()
        await_logged(database.url, given)
        await_true(lambda: all(health(service)["log"]["state"] == "ok" for _ in range(8)), what="all to be well")


def test_the_disk_of_the_database_and_of_the_outbox_is_full(
    tiny_artifact: Callable[..., Path], small_disk: Path
) -> None:
    url = f"sqlite:///{small_disk}/predictions.db"
    with serving(tiny_artifact(), predictions=url, queue=8, workers=1) as service:
        (service.home / "outbox").symlink_to(small_disk)
        given = ask(service, 20)
        await_logged(url, given)
        with filled(small_disk):
            given |= ask(service, 40)
            await_trouble(service, "full")
        given |= ask(service, 1)
        await_logged(url, given)
        await_true(lambda: health(service)["log"]["state"] == "ok", what="all to be well")
