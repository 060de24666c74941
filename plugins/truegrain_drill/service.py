"""Runs the drill's own service: gunicorn on a free port, until the drill ends."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from model.errors import TruegrainError
from model.settings import Settings
from truegrain_rig.process import free_ports, running, served_version

START_SECONDS: Final = 120.0
"""How long the service may take to start, including the download of the detector."""
SWAP_SECONDS: Final = 60.0
"""How long the service may take to use a promoted version."""
_STOP_SECONDS: Final = 40.0


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Run the service with `settings` until the block ends; yield its address once it gives verdicts.

    Raises TruegrainError, naming the log, if the service gives no verdicts in time or is not installed here.
    """
    output = log_of(settings)
    command = [sys.executable, "-m", "gunicorn", "--config", str(_configuration())]
    address = f"http://127.0.0.1:{settings.service_port}"
    with running(command, log=output, environment=settings.to_environment(), stop_seconds=_STOP_SECONDS):
        await_version(address, None, seconds=START_SECONDS, log=output)
        yield address


def await_version(address: str, version: str | None, *, seconds: float, log: Path) -> None:
    """Wait until the service gives verdicts of `version` (None: any version); raises TruegrainError after `seconds`."""
    end = time.monotonic() + seconds
    while (served := served_version(address)) is None or version not in (None, served):
        if time.monotonic() > end:
            raise TruegrainError(
                f"the drill's service gave no verdicts of version {version or 'any'} within {seconds:.0f} s; "
                f"it serves {served or 'nothing'}. Read {log}"
            )
        time.sleep(0.2)


def log_of(settings: Settings) -> Path:
    """Return the file with the output of the service."""
    return settings.home / "service.log"


def free_port() -> int:
    """Return a free port of this machine."""
    return free_ports(1)[0]


def _configuration() -> Path:
    """Find the service's gunicorn configuration without importing the service; plugins may not import it."""
    found = find_spec("service")
    if found is None or found.origin is None:
        raise TruegrainError("the drill needs the service beside Airflow: pip install 'truegrain[service]'")
    return Path(found.origin).with_name("gunicorn.conf.py")
