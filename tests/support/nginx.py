"""nginx with the project's own configuration, before a service of a test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from truegrain_rig.process import await_answer, free_ports, running

CONFIGURATION: Final = Path(__file__).parents[2] / "infra/nginx/nginx.conf"
_SERVICE, _LISTEN, _MEMORY = "service:8000", "listen 8080;", "/tmp/"  # noqa: S108 - as the file has them


def configure(folder: Path, *, service: str, port: int) -> Path:
    """Write the configuration for a service at host:port `service`; nothing but addresses and the folder changes."""
    text = CONFIGURATION.read_text()
    for found in (_SERVICE, _LISTEN, _MEMORY):
        assert found in text, f"{CONFIGURATION.name} has no {found}"
    text = text.replace(_SERVICE, service).replace(_LISTEN, f"listen 127.0.0.1:{port};")
    file = folder / "nginx.conf"
    file.write_text(text.replace(_MEMORY, f"{folder}/"))
    return file


def check(file: Path) -> str:
    """Return what `nginx -t` says of a configuration; raises AssertionError if nginx refuses it."""
    done = subprocess.run(["nginx", "-t", "-c", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@contextmanager
def proxying(service: str, folder: Path) -> Iterator[str]:
    """Run nginx before the service at the address `service` until the block ends; yields nginx's address."""
    [port] = free_ports(1)
    file = configure(folder, service=service.removeprefix("http://"), port=port)
    check(file)
    log = folder / "nginx.log"
    with running(["nginx", "-c", str(file), "-g", "daemon off;"], log=log, environment={}) as process:
        await_answer(f"http://127.0.0.1:{port}/healthz", process, log, seconds=30)
        yield f"http://127.0.0.1:{port}"
