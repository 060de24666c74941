"""Starts programs that outlive the terminal, finds them again, and stops them with all their child processes."""

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
"""Permission bits that other users and this user's group do not get."""


@dataclass(frozen=True)
class Record:
    """A started program. `pid` leads a session of its own; `created` tells it from a later process with the same id."""

    name: str
    pid: int
    created: float
    log: str


def keep_private(home: Path) -> None:
    """Keep `home`, and files that this process and its children write from now on, readable by this user alone.

    Raises LaunchError when `home` belongs to another user.
    """
    os.umask(OTHERS)
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid != os.getuid():  # root may change the rights of any folder, and its owner still enters
        raise LaunchError(f"{home} belongs to another user; TRUEGRAIN_HOME names a folder of your own")
    home.chmod(0o700)


def require_free_ports(components: Iterable[Component]) -> None:
    """Raise LaunchError naming every port that is taken and the setting that moves it."""
    busy = [part for part in components if part.port is not None and _taken(part.port)]
    if busy:
        raise LaunchError("; ".join(f"port {part.port} is in use, {part.setting} chooses another one" for part in busy))


def start(component: Component, logs: Path) -> Record:
    """Start a program detached from the terminal; append its output to `<logs>/<name>.log`."""
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
    # The program runs on by itself, and `make down` finds it by its record; a return code stops Popen's warning.
    process.returncode = 0
    return Record(component.name, process.pid, psutil.Process(process.pid).create_time(), str(log))


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Store what was started, so that `make down` finds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(record) for record in records], indent=1))


def read_records(path: Path) -> list[Record]:
    """Return the records that `write_records` stored; none without a file."""
    return [Record(**entry) for entry in json.loads(path.read_text())] if path.exists() else []


def alive(record: Record) -> bool:
    """Return whether the first process of the program still runs."""
    try:
        process = psutil.Process(record.pid)
        return process.create_time() == record.created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def members(records: Iterable[Record]) -> set[psutil.Process]:
    """Return every living process of these programs: those in their sessions, and descendants that left a session."""
    return _members(_sessions(records))


def listens(record: Record, port: int) -> bool:
    """Return whether a process of this program listens on a port. What answers there may belong to another user."""
    return any(port in _listening_ports(process) for process in members([record]))


def _sessions(records: Iterable[Record]) -> dict[int, float]:
    """Return the ids of the sessions that still belong to these programs, each with the time it began.

    After the first process has died, another program may get its id, and with it the id of the session. While a process
    of a session lives, its id is not given away. So a session is still the program's if a process in it writes to the
    program's log.
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
    """Stop these programs and their child processes; return the number of processes once none is left."""
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


def _listening_ports(process: psutil.Process) -> set[int]:
    try:
        sockets = process.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {held.laddr.port for held in sockets if held.status == psutil.CONN_LISTEN}


def _parent(process: psutil.Process) -> int | None:
    """Return the id of a process's parent, None when the process has ended."""
    try:
        return process.ppid() if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _started_by(process: psutil.Process, since: Mapping[int, float]) -> bool:
    """Return whether a process belongs to one of the sessions, and did not begin before the session."""
    try:
        leader = _session(process)
        return leader in since and process.create_time() >= since[leader]
    except psutil.Error:
        return False


def _session(process: psutil.Process) -> int:
    """Return the id of a process's session, 0 when the process has ended."""
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return 0


def _writes_to(log: str, process: psutil.Process, *, since: float) -> bool:
    """Return whether a process that began at `since` or later has the log open; False if access is denied."""
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
