"""Processes apart from the one that measures: started afresh, awaited, and asked what memory they take."""

import contextlib
import multiprocessing
import resource
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import requests


def pool(workers: int) -> ProcessPoolExecutor:
    """Start fresh processes, which share nothing with this one: neither memory nor threads."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def await_answer(address: str, process: subprocess.Popen[bytes], log: Path, *, seconds: float) -> None:
    """Wait until a server that was just started answers a GET of `address` with a 2xx.

    Raises RuntimeError, with the end of its log, when its process ends before or the `seconds` are over.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(address, timeout=5).ok:
                return
        time.sleep(0.02)
    raise RuntimeError(f"no answer from {address}; the end of its log:\n{log.read_text()[-2000:]}")


def most_held() -> float:
    """Return the most memory that this process has ever held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
