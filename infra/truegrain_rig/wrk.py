"""Measures how many requests a second a server answers, with the program `wrk`, which takes little of the machine."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SCRIPT: Final = """
local file = io.open(os.getenv("WRK_BODY"), "rb")
wrk.method, wrk.body = "POST", file:read("*all")
wrk.headers["Content-Type"] = os.getenv("WRK_KIND")
file:close()
function done(summary, latency)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("result %d %d %d %d\\n", summary.requests, errors.status, lost, summary.duration))
end
"""


@dataclass(frozen=True)
class Count:
    """Requests answered 2xx or 3xx, refused with another status, and lost without an answer, in so many seconds."""

    accepted: int
    refused: int
    lost: int
    seconds: float

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return self.accepted / self.seconds


def press(url: str, body: Path, *, seconds: int, clients: int, kind: str = "image/jpeg") -> Count:
    """POST a file for `seconds` from `clients` connections, each as fast as answers come.

    Raises RuntimeError, naming the package, when wrk is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        script = Path(folder) / "post.lua"
        script.write_text(_SCRIPT)
        command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--timeout", "30s"]
        command += ["-s", str(script), url]
        environment = {**os.environ, "WRK_BODY": str(body), "WRK_KIND": kind}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        except FileNotFoundError as error:
            raise RuntimeError("the load comes from 'wrk': apt-get install wrk") from error
    [line] = [line for line in done.stdout.splitlines() if line.startswith("result ")]
    requests, refused, lost, microseconds = (int(number) for number in line.split()[1:])
    return Count(accepted=requests - refused, refused=refused, lost=lost, seconds=microseconds / 1e6)
