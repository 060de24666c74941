import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from model.errors import HOPELESS_STATUS, TrainingError, TrainingInterrupted
from truegrain_airflow import training_process
from truegrain_airflow.training_process import run

RESULT = 'print(\'{"run_id": "abc"}\')'


def python(program: str) -> list[str]:
    return [sys.executable, "-u", "-c", program]


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def await_(condition, *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_last_line_is_the_result_and_every_line_is_in_the_log():
    lines = []
    result = run(python(f"import sys; print('one'); print('two', file=sys.stderr); {RESULT}"), log=lines.append)
    assert result == {"run_id": "abc"}
    assert sorted(lines) == ["one", "two", '{"run_id": "abc"}']


@pytest.mark.parametrize(("set_by_hand", "seen"), [(None, "1000"), ("7", "7")])
def test_threads_do_not_spin_for_long_unless_the_machine_says_so(monkeypatch, set_by_hand, seen):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    if set_by_hand:
        monkeypatch.setenv("GOMP_SPINCOUNT", set_by_hand)
    tell = "import json, os; print(json.dumps({'seen': os.environ['GOMP_SPINCOUNT']}))"
    assert run(python(tell), log=lambda _: None) == {"seen": seen}


def test_lines_come_while_the_program_runs(tmp_path):
    go = tmp_path / "go"
    program = f"import pathlib, time\nprint('ready')\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"

    def log(line: str) -> None:
        if line == "ready":
            go.touch()

    assert run(python(program + RESULT), log=log) == {"run_id": "abc"}


def test_a_progress_bar_is_shown_now_and_then_and_its_end_always():
    bar = "import sys\nfor n in range(500): sys.stderr.write(f'\\r{n} of 500')\nsys.stderr.write('\\r500 of 500\\n')\n"
    lines = []
    run(python(bar + RESULT), log=lines.append)
    shown = [line for line in lines if "of" in line]
    assert (shown[0], shown[-1]) == ("0 of 500", "500 of 500")
    assert len(shown) < 10


@pytest.mark.parametrize(("status", "error"), [(HOPELESS_STATUS, TrainingError), (1, TrainingInterrupted)])
def test_a_failure_is_raised_with_the_last_words_of_stderr_and_tells_whether_to_try_again(status, error):
    with pytest.raises(TrainingError, match=rf"ended with code {status}(.|\n)*no memory left") as raised:
        run(python(f"import sys; print('no memory left', file=sys.stderr); sys.exit({status})"), log=print)
    assert raised.type is error


def test_a_killed_training_is_worth_another_try():
    with pytest.raises(TrainingInterrupted, match="ended with code -9"):
        run(python("import os; os.kill(os.getpid(), 9)"), log=print)


@pytest.mark.parametrize("last", ["", "print('done')", "print('[1]')"])
def test_output_that_does_not_end_in_a_result_is_a_failure(last):
    with pytest.raises(TrainingError, match="must be a JSON object"):
        run(python(last), log=print)


def test_output_that_is_no_text_does_not_stop_the_log():
    lines = []
    run(python(f"import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n'); {RESULT}"), log=lines.append)
    assert len(lines) == 2


FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid)
time.sleep(600)
"""


def test_what_ends_the_call_ends_the_program_and_its_children():
    children = []

    def log(line: str) -> None:
        children.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(python(FAMILY), log=log)
    await_(lambda: not alive(children[0]))


TASK = f"""
from truegrain_airflow.training_process import run
import sys
run([sys.executable, "-u", "-c", {FAMILY!r}], log=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_task_that_is_told_to_end_takes_its_training_along(how):
    plugins = Path(training_process.__file__).parents[1]
    with subprocess.Popen(python(TASK), cwd=plugins, stdout=subprocess.PIPE, text=True) as task:
        grandchild = int(task.stdout.readline())
        task.send_signal(how)
        assert task.wait(20) == 128 + how
    await_(lambda: not alive(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind a child to its parent's death")
def test_a_task_that_is_killed_outright_takes_its_training_along():
    program = "import os, time; print(os.getpid()); time.sleep(600)"
    task = TASK.replace(repr(FAMILY), repr(program))
    plugins = Path(training_process.__file__).parents[1]
    with subprocess.Popen(python(task), cwd=plugins, stdout=subprocess.PIPE, text=True) as process:
        training = int(process.stdout.readline())
        process.kill()
    await_(lambda: not alive(training))


def test_the_handlers_of_the_task_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    run(python(RESULT), log=print)
    assert signal.getsignal(signal.SIGTERM) is before


def test_training_is_started_without_a_shell_and_with_plain_arguments(monkeypatch):
    commands = []
    monkeypatch.setattr(training_process, "run", lambda command, **_: commands.append(command) or {"run_id": "abc"})
    hostile = '{"epochs": 3, "name": "; rm -rf /"}'
    assert training_process.train("v1", "quick", hostile, log=print) == "abc"
    assert commands[0][1:4] == ["-u", "-m", "model.training"]
    assert commands[0][4:] == ["--dataset", "v1", "--recipe", "quick", "--set", "epochs=3", "--set", "name=; rm -rf /"]


def test_overrides_of_a_table_are_named_by_their_path(monkeypatch):
    commands = []
    monkeypatch.setattr(training_process, "run", lambda command, **_: commands.append(command) or {"run_id": "abc"})
    training_process.train("v1", "", '{"augmentation": {"jpeg": 0.5, "paired": true}}', log=print)
    assert commands[0][6:] == ["--set", "augmentation.jpeg=0.5", "--set", "augmentation.paired=true"]


@pytest.mark.parametrize("overrides", ["", "[]", "epochs=3"])
def test_overrides_that_are_no_object_are_refused(overrides):
    with pytest.raises(TrainingError, match="the overrides must be a JSON object"):
        training_process.train("v1", "", overrides, log=print)
