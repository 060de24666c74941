"""Sends a load of requests with the program `hey`, and returns latency and status of each request."""

import io
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

OK = 200
MOST_GROUPS = 16
"""Most processes of hey among which clients are divided."""


@dataclass(frozen=True)
class Load:
    """Latency, HTTP status and time `at` of each request [N]; times are in seconds, `at` counts from the beginning.

    hey leaves out requests without an answer; `length` is the duration of the load in seconds.
    """

    seconds: NDArray[np.float64]
    status: NDArray[np.int64]
    at: NDArray[np.float64]
    length: float

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which requests were answered 200 [N]."""
        return np.equal(self.status, OK)

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return float(self.accepted.sum()) / self.length

    def quantile(self, share: float) -> float:
        """Return the latency in seconds at quantile `share` (0 to 1) of the accepted requests."""
        return float(np.quantile(self.seconds[self.accepted], share))


def fire(
    url: str, body: Path, *, seconds: float, clients: int, rate: float | None = None, kind: str = "image/jpeg"
) -> Load:
    """POST a file for `seconds` from `clients` at once: as fast as answers come, or at `rate` requests a second.

    With a `rate`, each client sends at an even pace. Several processes of hey share the clients and start one after
    another, since the clients of one process send at the same moment. More than MOST_GROUPS clients must then be a
    multiple of MOST_GROUPS. Raises RuntimeError, naming the package, when hey is not installed.
    """
    groups = min(clients, MOST_GROUPS) if rate else 1
    command = ["hey", "-z", f"{seconds}s", "-c", str(clients // groups), "-m", "POST", "-T", kind, "-D", str(body)]
    command += ["-o", "csv", "-t", "30", "-disable-compression"]
    command += ["-q", f"{rate / clients:.6f}"] if rate else []
    pause = clients / rate / groups if rate else 0.0
    with ThreadPoolExecutor(groups) as pool:
        answers = pd.concat(pool.map(lambda group: _send([*command, url], after=group * pause), range(groups)))
    return Load(
        seconds=answers["response-time"].to_numpy(np.float64),
        status=answers["status-code"].to_numpy(np.int64),
        at=answers["offset"].to_numpy(np.float64),
        length=seconds,
    )


def _send(command: Sequence[str], *, after: float) -> pd.DataFrame:
    """Run hey after a pause of `after` seconds; return its output, one row a request."""
    time.sleep(after)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise RuntimeError("the load comes from 'hey': apt-get install hey") from error
    answers = pd.read_csv(io.StringIO(done.stdout))
    return answers.assign(offset=answers["offset"] + after)
