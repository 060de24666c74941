"""Programs that outlive the terminal are found again, and stopped with all their child processes."""

import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from truegrain_local.errors import LaunchError
from truegrain_local.memory import PeakMemory, held_bytes
from truegrain_local.processes import (
    Record,
    alive,
    keep_private,
    members,
    read_records,
    require_free_ports,
    start,
    stop,
    write_records,
)
from truegrain_local.programs import Component

SLEEPER = "import time; print('here', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
CHILD = f"subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=new)"
FAMILY = f"import subprocess, sys; children = [{CHILD} for new in (False, True)]; {SLEEPER}"
Run = Callable[[str], Record]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Start a Python program as `make up` starts one, and wait until it and its children say so."""
    records: list[Record] = []

    def start_python(code: str) -> Record:
        record = start(Component(name="program", command=(sys.executable, "-c", code), environment={}), tmp_path)
        records.append(record)
        said = 3 if code == FAMILY else 1
        wait_for(lambda: (tmp_path / "program.log").read_text().count("here") >= said)
        return record

    yield start_python
    stop(records, seconds=0)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_started_program_is_alive_and_writes_to_its_log(run: Run, tmp_path: Path) -> None:
    record = run(SLEEPER)
    assert alive(record)
    assert record.log == str(tmp_path / "program.log")


def test_stopping_ends_children_too_even_those_with_a_session_of_their_own(run: Run) -> None:
    record = run(FAMILY)
    assert len(members([record])) == 3
    assert stop([record]) == 3
    assert members([record]) == set()


def test_children_are_found_when_their_parent_was_killed(run: Run) -> None:
    record = run(f"import subprocess, sys; new = False; child = {CHILD}; {SLEEPER}")
    wait_for(lambda: len(members([record])) == 2)
    psutil.Process(record.pid).kill()
    wait_for(lambda: not alive(record))
    assert len(members([record])) == 1


def test_a_program_that_ignores_the_request_is_killed(run: Run) -> None:
    record = run(STUBBORN)
    stop([record], seconds=0.5)
    assert not alive(record)


def test_a_later_process_with_the_same_number_is_left_alone(run: Run, tmp_path: Path) -> None:
    record = run(FAMILY)
    earlier = Record(record.name, record.pid, record.created - 100, str(tmp_path / "earlier.log"))
    assert not alive(earlier)
    assert members([earlier]) == set()
    assert stop([earlier]) == 0
    assert len(members([record])) == 3


def test_what_a_later_process_with_the_same_number_left_behind_is_left_alone(run: Run, tmp_path: Path) -> None:
    record = run(f"import subprocess, sys; new = False; child = {CHILD}; {SLEEPER}")
    wait_for(lambda: len(members([record])) == 2)
    psutil.Process(record.pid).kill()
    wait_for(lambda: not alive(record))
    assert stop([Record(record.name, record.pid, record.created - 100, str(tmp_path / "earlier.log"))]) == 0
    assert len(members([record])) == 1


def test_stopping_nothing_is_harmless() -> None:
    assert stop([]) == 0


def test_what_was_written_down_is_read_again(tmp_path: Path) -> None:
    records = [Record("mlflow", 12, 3.5, "/logs/mlflow.log")]
    write_records(tmp_path / "run" / "processes.json", records)
    assert read_records(tmp_path / "run" / "processes.json") == records
    assert read_records(tmp_path / "nothing.json") == []


def test_a_taken_port_is_refused_with_the_setting_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        part = Component(name="mlflow", command=(), environment={}, port=port, setting="TRUEGRAIN_MLFLOW_PORT")
        with pytest.raises(LaunchError, match=rf"port {port} is in use, TRUEGRAIN_MLFLOW_PORT"):
            require_free_ports([part])
    require_free_ports([part])


def test_the_peak_of_memory_stays_when_memory_is_given_back() -> None:
    processes = [psutil.Process()]
    memory = PeakMemory(lambda: processes)
    memory.sample()
    peak = memory.gigabytes
    processes.clear()
    memory.sample()
    assert peak == memory.gigabytes > 0


def test_a_process_that_has_ended_holds_nothing(run: Run) -> None:
    record = run(SLEEPER)
    process = psutil.Process(record.pid)
    assert held_bytes([process]) > 0
    stop([record])
    assert held_bytes([process]) == 0


@pytest.fixture
def umask() -> Iterator[None]:
    """Restore the process's umask afterwards."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_what_is_started_writes_for_this_user_alone(tmp_path: Path, run: Run) -> None:
    home = tmp_path / "home"
    home.mkdir()
    keep_private(home)
    run(f"import pathlib; pathlib.Path({str(home / 'written')!r}).write_text('x'); {SLEEPER}")
    write_records(home / "run" / "processes.json", [])
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))}
    assert found == {"home": 0o700, "written": 0o600, "run": 0o700, "processes.json": 0o600}
    assert stat.S_IMODE((tmp_path / "program.log").stat().st_mode) == 0o600


@pytest.mark.usefixtures("umask")
def test_a_home_of_somebody_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(LaunchError, match="belongs to another user; TRUEGRAIN_HOME names a folder of your own"):
        keep_private(tmp_path)
