"""Programs for tests, benches and the drill are started, awaited and ended with all their child processes."""

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests
from pytest_httpserver import HTTPServer

from truegrain_rig.process import await_answer, free_ports, running, served_version

SLEEPS = "import time; time.sleep(600)"
FAMILY = (
    f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]).pid, flush=True); {SLEEPS}"
)
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); {SLEEPS}"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def first_line(log: Path) -> str:
    deadline = time.monotonic() + 60
    while "\n" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return log.read_text().splitlines()[0]


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_program_ends_with_the_block_and_what_it_started_too(tmp_path: Path) -> None:
    with running(python(FAMILY), log=tmp_path / "log") as program:
        child = int(first_line(tmp_path / "log"))
        assert runs(child)
    assert program.returncode == -signal.SIGTERM
    deadline = time.monotonic() + 20
    while runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_ends_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), running(python(SLEEPS), log=tmp_path / "log") as program:
        raise ZeroDivisionError
    assert program.returncode == -signal.SIGTERM


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with running(python(STUBBORN), log=tmp_path / "log", stop_seconds=0.2) as program:
        assert first_line(tmp_path / "log") == "ready"
    assert program.returncode == -signal.SIGKILL


def test_a_program_that_has_ended_by_itself_is_left_alone(tmp_path: Path) -> None:
    with running(python("raise SystemExit(3)"), log=tmp_path / "log") as program:
        program.wait()
    assert program.returncode == 3


def test_the_log_holds_both_outputs_of_a_program_in_its_folder_and_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "before")
    monkeypatch.setenv("KEPT", "kept")
    tell = (
        "import os, sys; print(os.getcwd(), flush=True); print(os.environ['HERE'], os.environ['KEPT'], file=sys.stderr)"
    )
    with running(python(tell), log=tmp_path / "log", environment={"HERE": "now"}, folder=tmp_path) as program:
        assert program.wait() == 0
    assert (tmp_path / "log").read_text().splitlines() == [str(tmp_path), "now kept"]


def test_a_server_is_awaited_until_it_answers(tmp_path: Path) -> None:
    [port] = free_ports(1)
    address, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    with running([sys.executable, "-m", "http.server", str(port)], log=log, folder=tmp_path) as server:
        await_answer(address, server, log, seconds=60)
        assert requests.get(address, timeout=10).ok


def test_a_server_that_ends_before_it_answers_is_named_with_its_code_and_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    failure = pytest.raises(RuntimeError, match=r"from http://127.0.0.1:9, which ended with code 4(.|\n)*no disk")
    with running(python("print('no disk'); raise SystemExit(4)"), log=log) as server, failure:
        await_answer("http://127.0.0.1:9", server, log, seconds=60)


@pytest.mark.parametrize(("status", "version"), [(200, "7"), (503, None)])
def test_a_service_serves_a_version_once_it_is_ready(status: int, version: str | None) -> None:
    with HTTPServer("127.0.0.1", threaded=True) as service:
        service.expect_request("/readyz").respond_with_json({"version": "7"}, status=status)
        assert served_version(service.url_for("")) == version


def test_a_service_that_does_not_answer_serves_no_version() -> None:
    assert served_version("http://127.0.0.1:9") is None


def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(20))) == 20
