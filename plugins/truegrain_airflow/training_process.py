"""Runs a training in its own process: its output goes to the task's log, and it ends with the task."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType, MappingProxyType
from typing import IO, Any, Final

from model.errors import HOPELESS_STATUS, TrainingError, TrainingInterrupted
from model.processes import die_with_parent

_GRACE_SECONDS: Final = 3.0
"""Time from SIGTERM to SIGKILL. Airflow kills the task 5 s after its SIGTERM; the process group must end before."""
_PROGRESS_SECONDS: Final = 15.0
"""How often a line that overwrites itself (a progress bar) is logged."""
_TAIL_LINES: Final = 20

_SHARES_CORES: Final = MappingProxyType({"GOMP_SPINCOUNT": "1000"})
"""Makes a waiting thread of torch sleep after 1,000 rounds of spinning instead of 300,000.

If other processes need the cores, spinning threads keep the thread they wait for from running. Training was then ten
times as slow."""

Log = Callable[[str], None]


def train(
    dataset_version: str,
    recipe: str,
    overrides: str,
    *,
    log: Log,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Train on a dataset version and return the id of the MLflow run that holds the detector.

    - `recipe`: a name or a path; empty: the recipe of the settings.
    - `overrides`: a JSON object of fields of the recipe; a table of the recipe is a nested object.
    - `environment`: variables that are added to those of this process.

    With several GPUs the training process starts one process for each. Raises what `run` raises, and TrainingError if
    `overrides` is not a JSON object.
    """
    arguments = ["--dataset", dataset_version] + (["--recipe", recipe] if recipe else [])
    for key, value in _flat(_parse(overrides, "the overrides")):
        arguments += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    command = [sys.executable, "-u", "-m", "model.training", *arguments]
    return str(run(command, log=log, environment=environment)["run_id"])


def run(command: Sequence[str], *, log: Log, environment: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Run `command` (no shell) in its own process group and log its output; returns its last line, a JSON object.

    If a timeout, SIGTERM or SIGINT ends this call early, the whole group is ended. Call it in the main thread.

    Raises TrainingError, with the last lines of stderr, if the command ends with HOPELESS_STATUS. Raises TrainingError,
    too, if its last line is not a JSON object. Raises TrainingInterrupted for any other exit status except 0.
    """
    output: deque[str] = deque(maxlen=1)
    errors: deque[str] = deque(maxlen=_TAIL_LINES)
    with _exit_on_signals(), _process_group(command, environment) as process:
        reader = threading.Thread(target=_relay, args=(process.stderr, errors, log), daemon=True)
        reader.start()
        _relay(process.stdout, output, log)
        reader.join()
        code = process.wait()
    if code != 0:
        failure = TrainingError if code == HOPELESS_STATUS else TrainingInterrupted
        raise failure(f"{' '.join(command)} ended with code {code}. Its last lines:\n" + "\n".join(errors))
    return _parse("".join(output), "the last line of the output")


@contextmanager
def _process_group(command: Sequence[str], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(  # noqa: S603 - an argument list without a shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**_SHARES_CORES, **os.environ, **environment},
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        yield process
    finally:
        _end_group(process)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End all processes of the group: with SIGTERM first, then with SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGINT, with which Airflow ends a task, into SystemExit, so that `finally` blocks run."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _relay(stream: IO[bytes] | None, tail: deque[str], log: Log) -> None:
    """Log a stream line by line until it ends, keeping the last lines in `tail`.

    A line that ends in a carriage return is a progress bar; only one such line is logged every 15 s.
    """
    assert stream is not None  # noqa: S101 - both streams are pipes
    shown = -_PROGRESS_SECONDS
    with io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="") as lines:
        for line in lines:
            text = line.rstrip()
            if not text:
                continue
            if not line.endswith("\r"):
                tail.append(text)
            elif time.monotonic() - shown < _PROGRESS_SECONDS:
                continue
            shown = time.monotonic()
            log(text)


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ("augmentation.jpeg", 0.5) for {"augmentation": {"jpeg": 0.5}}."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _parse(text: str, what: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        raise TrainingError(f"{what} must be a JSON object, not {text!r}") from error
    if not isinstance(parsed, dict):
        raise TrainingError(f"{what} must be a JSON object, not {text!r}")
    return parsed
