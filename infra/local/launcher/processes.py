"""Starting programs that outlive the terminal, finding them again, and stopping them with everything they started."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from launcher.components import HOST, Component
from launcher.environment import ROOT
from launcher.errors import LaunchError

STOP_SECONDS = 20.0
"""How long programs may take to end by themselves before they are killed."""


@dataclass(frozen=True)
class Record:
    """A started program: `pid` leads a session of its own; `created` tells it from a later process with that number."""

    name: str
    pid: int
    created: float
    log: str


def require_free_ports(components: Iterable[Component]) -> None:
    """Raise LaunchError naming every port that is taken and the setting that moves it."""
    busy = [part for part in components if part.port is not None and _taken(part.port)]
    if busy:
        raise LaunchError("; ".join(f"port {part.port} is in use, {part.setting} chooses another one" for part in busy))


def start(component: Component, logs: Path) -> Record:
    """Start a program detached from the terminal, its output appended to `<logs>/<name>.log`."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{component.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            component.command,
            cwd=ROOT,
            env=dict(component.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Left to itself on purpose, so Popen need not warn that it still runs; `make down` finds it by its record.
    process.returncode = 0
    return Record(component.name, process.pid, psutil.Process(process.pid).create_time(), str(log))


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Store what was started, so that `make down` finds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(record) for record in records], indent=1))


def read_records(path: Path) -> list[Record]:
    """Return what `write_records` stored; nothing when there is no such file."""
    return [Record(**entry) for entry in json.loads(path.read_text())] if path.exists() else []


def alive(record: Record) -> bool:
    """Tell whether the program itself still runs."""
    try:
        process = psutil.Process(record.pid)
        return process.create_time() == record.created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def members(records: Iterable[Record]) -> set[psutil.Process]:
    """Return every living process of these programs: their sessions, and descendants that left the session."""
    since = {record.pid: record.created for record in records}
    parents = {process: parent for process in psutil.process_iter() if (parent := _parent(process)) is not None}
    found = {process for process in parents if _started_by(process, since)}
    family = {process.pid for process in found}
    while children := {process for process in parents if parents[process] in family} - found:
        found |= children
        family |= {process.pid for process in children}
    return found


def stop(records: Iterable[Record], *, seconds: float = STOP_SECONDS) -> int:
    """Stop these programs and all they started; return how many processes that were. Returns when none is left."""
    records = list(records)
    told: set[psutil.Process] = set()
    deadline = time.monotonic() + seconds
    while remaining := {process for process in told | members(records) if _living(process)}:
        late = time.monotonic() > deadline
        for process in remaining if late else remaining - told:
            _signal(process, kill=late)
        told |= remaining
        psutil.wait_procs(remaining, timeout=0.5)
    return len(told)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _parent(process: psutil.Process) -> int | None:
    """Return the number of a process's parent, None when the process has ended."""
    try:
        return process.ppid() if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _started_by(process: psutil.Process, since: dict[int, float]) -> bool:
    """Tell whether a process belongs to the session of a program that started at that time, not a later namesake."""
    try:
        leader = os.getsid(process.pid)
        return leader in since and process.create_time() >= since[leader]
    except (ProcessLookupError, psutil.Error):
        return False


def _living(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
