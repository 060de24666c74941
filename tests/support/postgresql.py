"""A PostgreSQL server for tests, as Debian installs it, which tests can stop and start."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from truegrain_rig.process import free_ports

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
NEEDS_POSTGRESQL = pytest.mark.skipif(not _FOUND, reason="postgresql is not installed")
START_SECONDS = 60.0


@dataclass
class Postgresql:
    """A server with its data in a folder; `url` is the address of its database."""

    data: Path
    port: int
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"postgresql://truegrain@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = ["-D", str(self.data), "-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-F"]
        self.processes.append(_as_owner("postgres", *options))
        deadline = time.monotonic() + START_SECONDS
        while _as_owner("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)).wait() != 0:
            if time.monotonic() > deadline:
                pytest.fail(f"no PostgreSQL on port {self.port} within {START_SECONDS} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server like a crash: connections are cut, without an orderly shutdown."""
        process = self.processes.pop()
        process.send_signal(signal.SIGQUIT)
        process.wait(START_SECONDS)


@contextmanager
def running_postgresql() -> Iterator[Postgresql]:
    """Yield a server with an empty database; it is gone afterwards, with all its data."""
    folder = Path(tempfile.mkdtemp(prefix="truegrain-postgresql-"))
    server = Postgresql(folder / "data", free_ports(1)[0])
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        made = _as_owner("initdb", "-D", str(server.data), "-U", "truegrain", "-E", "UTF8", "--locale=C", "--no-sync")
        assert made.wait() == 0
        server.start()
        yield server
    finally:
        if server.processes:
            server.stop()
        shutil.rmtree(folder)


def _as_owner(program: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Run a program of PostgreSQL, as another user than root, whom PostgreSQL refuses."""
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    return subprocess.Popen(
        [_FOUND[-1].with_name(program), *arguments],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
    )
