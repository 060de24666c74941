"""Starts, awaits and ends other programs and processes, and measures their memory."""

import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

import requests

from model.processes import die_with_parent

STOP_SECONDS: Final = 30.0
"""How long a program may take to end by itself before it is killed."""


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
    folder: Path | None = None,
    stop_seconds: float = STOP_SECONDS,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `command` (no shell) in `folder` until the block ends; its output goes to the file `log`.

    `environment` holds variables that differ from this process's. At the end the program and its child processes in the
    session get SIGTERM. After `stop_seconds`, or once the program has ended, the remaining ones are killed. On Linux
    the program is also killed when this process is.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(stop_seconds)
        _signal_group(process, signal.SIGKILL)
        process.wait()


def await_answer(address: str, process: "subprocess.Popen[bytes]", log: Path, *, seconds: float) -> None:
    """Wait until a server that was just started answers a GET of `address` with a 2xx.

    Raises RuntimeError, with the end of the log, when the process ends first or after `seconds`.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(address, timeout=5).ok:
                return
        time.sleep(0.02)
    ended = "" if process.returncode is None else f", which ended with code {process.returncode}"
    raise RuntimeError(f"no answer from {address}{ended}; the end of its log:\n{log.read_text()[-2000:]}")


def served_version(service: str) -> str | None:
    """Return the version that the service at that address serves, None while it serves none."""
    try:
        answer = requests.get(f"{service}/readyz", timeout=5)
    except requests.RequestException:
        return None
    return str(answer.json()["version"]) if answer.ok else None


def free_ports(count: int) -> list[int]:
    """Return `count` different ports of this machine on which no program listens now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes, which share neither memory nor threads with this one."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def most_held() -> float:
    """Return the peak memory of this process plus that of its largest ended child, in GB.

    `getrusage` would add to a process what its parent held when it started the process, so Linux itself is asked.
    """
    return most_held_alone() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9


def most_held_alone() -> float:
    """Return the peak memory of this process, in GB, for a process whose children only run small commands.

    Linux counts what the parent held for a child, even if the child then runs another program.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e9


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
