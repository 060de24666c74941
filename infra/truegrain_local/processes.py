"""Starting programs that outlive the terminal, finding them again, and stopping them with everything they started."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from truegrain_local.environment import ROOT
from truegrain_local.errors import LaunchError
from truegrain_local.programs import HOST, Component

STOP_SECONDS = 20.0
"""How long programs may take to end by themselves before they are killed."""

OTHERS = 0o077
"""The rights that other users of this machine, and of this user's group, do not get."""


@dataclass(frozen=True)
class Record:
    """A started program: `pid` leads a session of its own; `created` tells it from a later process with that number."""

    name: str
    pid: int
    created: float
    log: str


def keep_private(home: Path) -> None:
    """Let nobody but this user read what this process, and what it starts, write from now on, nor look into `home`.

    Raises LaunchError when `home` is somebody else's.
    """
    os.umask(OTHERS)
    home.mkdir(parents=True, exist_ok=True)
    try:
        home.chmod(0o700)
    except PermissionError as error:
        raise LaunchError(f"{home} belongs to another user; TRUEGRAIN_HOME names a folder of your own") from error


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
    return _members(_sessions(records))


def _sessions(records: Iterable[Record]) -> dict[int, float]:
    """Return the sessions of these programs that are still theirs, and since when.

    When the first process has died, another program may have got its number, and so its session. While any process of
    a session lives, nobody gets the number; so a session is still theirs if one of its processes writes to the log.
    """
    started = {record.pid: record for record in records}
    theirs = {record.pid: record.created for record in started.values() if alive(record)}
    for process in psutil.process_iter():
        record = started.get(_session(process))
        if record is not None and record.pid not in theirs and _writes_to(record.log, process, since=record.created):
            theirs[record.pid] = record.created
    return theirs


def _members(since: Mapping[int, float]) -> set[psutil.Process]:
    parents = {process: parent for process in psutil.process_iter() if (parent := _parent(process)) is not None}
    found = {process for process in parents if _started_by(process, since)}
    family = {process.pid for process in found}
    while children := {process for process in parents if parents[process] in family} - found:
        found |= children
        family |= {process.pid for process in children}
    return found


def stop(records: Iterable[Record], *, seconds: float = STOP_SECONDS) -> int:
    """Stop these programs and all they started; return how many processes that were. Returns when none is left."""
    sessions = _sessions(records)
    told: set[psutil.Process] = set()
    deadline = time.monotonic() + seconds
    while remaining := {process for process in told | _members(sessions) if _living(process)}:
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


def _started_by(process: psutil.Process, since: Mapping[int, float]) -> bool:
    """Tell whether a process belongs to one of the sessions, and did not begin before it."""
    try:
        leader = _session(process)
        return leader in since and process.create_time() >= since[leader]
    except psutil.Error:
        return False


def _session(process: psutil.Process) -> int:
    """Return the number of a process's session, 0 when the process has ended."""
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return 0


def _writes_to(log: str, process: psutil.Process, *, since: float) -> bool:
    """Tell whether a process that began at that time or later has the log open; False of those that nobody may ask."""
    try:
        return process.create_time() >= since and any(file.path == log for file in process.open_files())
    except psutil.Error:
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
