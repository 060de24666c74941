"""Starts the processes of one machine that train together, and waits until they have ended."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model.errors import HOPELESS_STATUS
from model.processes import die_with_parent
from model.training.distributed import STORE

_LOOK_SECONDS: Final = 0.2
_SIGNALLED: Final = 128

_LOOPBACK: Final = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
"""Gloo and NCCL ask those who connect for no password, so they listen on this machine alone."""


def launch(arguments: Sequence[str], *, processes: int) -> int:
    """Run `python -m model.training` in so many processes, and return 0 or the exit status of the first to fail.

    The others are ended then. The processes meet in a file that only this user can read. With torchrun they would
    meet at a port that everyone who reaches the machine can open. Torchrun unpickles what lies there.
    """
    cores = str(max(1, (os.cpu_count() or 1) // processes))
    with tempfile.TemporaryDirectory() as private:
        shared = {"OMP_NUM_THREADS": cores, **_LOOPBACK, **os.environ, STORE: str(Path(private) / "store")}
        shared |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
        started: list[subprocess.Popen[bytes]] = []
        try:
            ranks = ({"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes))
            started.extend(_start(arguments, shared | rank) for rank in ranks)
            return _await_end(started)
        finally:
            for process in started:
                process.kill()
                process.wait()


def _start(arguments: Sequence[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - an argument list without a shell
        [sys.executable, "-m", "model.training", *arguments], env=environment, preexec_fn=die_with_parent
    )


def _await_end(processes: Sequence["subprocess.Popen[bytes]"]) -> int:
    while True:
        codes = [process.poll() for process in processes]
        if failed := [code for code in codes if code]:
            # Whoever waits for a process that has failed fails as well, with another status.
            first = HOPELESS_STATUS if HOPELESS_STATUS in failed else failed[0]
            return first if first > 0 else _SIGNALLED - first
        if None not in codes:
            return 0
        time.sleep(_LOOK_SECONDS)
