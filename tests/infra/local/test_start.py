"""Before a start, running programs are found, and the remains of dead programs are stopped."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pytest_httpserver import HTTPServer

from model.settings import Settings
from truegrain_local.errors import LaunchError
from truegrain_local.processes import Record, alive, listens, members, require_free_ports, start, stop, write_records
from truegrain_local.programs import Component
from truegrain_local.progress import Progress
from truegrain_local.start import find_running, records_path, wait_until_well
from truegrain_rig.process import free_ports

ROOT = Path(__file__).parents[3]
SERVER = "import socket, sys, time; held = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SERVER!r}, sys.argv[1]])"
"""A program that waits while its child serves, as MLflow does."""


@pytest.fixture
def part() -> Component:
    [port] = free_ports(1)
    command = (sys.executable, "-c", PARENT, str(port))
    return Component(name="mlflow", command=command, environment=os.environ, port=port, setting="THE_PORT")


@pytest.fixture
def launch(tmp_path: Path, part: Component) -> Iterator[Callable[[], Record]]:
    """Start the program, record it as `make up` does, and wait until its child listens on the port."""
    records: list[Record] = []

    def launch_part() -> Record:
        records.append(start(part, tmp_path / "logs"))
        write_records(records_path(tmp_path), records[-1:])
        wait_for(lambda: is_taken(part))
        return records[-1]

    yield launch_part
    stop(records, seconds=0)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_taken(part: Component) -> bool:
    try:
        require_free_ports([part])
    except LaunchError:
        return True
    return False


def kill_first_process(record: Record) -> None:
    psutil.Process(record.pid).kill()
    wait_for(lambda: not alive(record))


def test_what_a_killed_program_left_behind_is_ended_so_that_it_can_start_anew(
    tmp_path: Path, part: Component, launch: Callable[[], Record]
) -> None:
    record = launch()
    kill_first_process(record)
    assert is_taken(part)
    shown = io.StringIO()
    assert find_running(Settings(home=tmp_path), Progress(shown)) == []
    assert "mlflow had died and left 1 process behind; it was stopped" in shown.getvalue()
    assert members([record]) == set()
    require_free_ports([part])
    assert alive(launch())


def test_what_runs_is_left_running(tmp_path: Path, launch: Callable[[], Record]) -> None:
    record = launch()
    shown = io.StringIO()
    assert find_running(Settings(home=tmp_path), Progress(shown)) == [record]
    assert (len(members([record])), shown.getvalue()) == (2, "")


def test_make_down_ends_what_a_killed_program_left_behind(
    tmp_path: Path, part: Component, launch: Callable[[], Record]
) -> None:
    kill_first_process(launch())
    down = [sys.executable, "-m", "truegrain_local.down"]
    environment = os.environ | {"TRUEGRAIN_HOME": str(tmp_path)}
    told = subprocess.run(down, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert told == "stopped 1 processes\n"
    require_free_ports([part])


def test_a_stranger_on_the_port_is_left_alone(tmp_path: Path, part: Component) -> None:
    stranger = start(part, tmp_path / "elsewhere")
    try:
        wait_for(lambda: is_taken(part))
        write_records(records_path(tmp_path), [Record("mlflow", stranger.pid, stranger.created - 9, "/of/before.log")])
        assert find_running(Settings(home=tmp_path), Progress(io.StringIO())) == []
        assert len(members([stranger])) == 2
        with pytest.raises(LaunchError, match="THE_PORT chooses another one"):
            require_free_ports([part])
    finally:
        stop([stranger], seconds=0)


def test_no_answer_of_a_stranger_counts(
    tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, launch: Callable[[], Record]
) -> None:
    """Another user may listen on a port before the program does, and would be sent the password of Airflow."""
    httpserver.expect_request("/health").respond_with_data("OK")
    monkeypatch.setattr("truegrain_local.start.START_SECONDS", 2.0)
    ours = launch()
    with pytest.raises(LaunchError, match=f"MLflow answers on port {httpserver.port}"):
        wait_until_well(Settings(home=tmp_path, mlflow_port=httpserver.port), Progress(io.StringIO()))
    assert (httpserver.log, alive(ours)) == ([], True)


def test_a_child_of_a_program_may_listen_for_it(part: Component, launch: Callable[[], Record]) -> None:
    assert part.port is not None
    assert listens(launch(), part.port)
