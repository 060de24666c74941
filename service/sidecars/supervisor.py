"""Restarts the follower and the monitor when they end: gunicorn restarts only its workers."""

import os
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

import structlog

RESTART_SECONDS: Final = 1.0
"""Pause before a restart, so that a child that cannot start does not occupy a core."""

STOP_SECONDS: Final = 5.0
"""How long a child may take to end by itself."""

log = structlog.get_logger(__name__)


class Supervisor:
    """Runs `command` until `stop`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._stopped = threading.Event()
        self._spawning = threading.Lock()
        # Popen waits for a pipe to close. A worker forked meanwhile would inherit the pipe and hold it open for good.
        os.register_at_fork(
            before=self._spawning.acquire,
            after_in_parent=self._spawning.release,
            after_in_child=self._spawning.release,
        )

    def start(self) -> None:
        """Start the child and the thread that watches it."""
        self._child = self._spawn()
        threading.Thread(target=self._watch, name="supervisor", daemon=True).start()

    def stop(self) -> None:
        """End the child; kill it if it does not end within STOP_SECONDS."""
        self._stopped.set()
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _watch(self) -> None:
        while True:
            self._child.wait()
            if self._stopped.wait(RESTART_SECONDS):
                return
            log.warning("child restarted", command=self._command, ended=self._child.pid)
            self._child = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._spawning:
            return subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603 - a constant command
