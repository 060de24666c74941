"""Runs a target in a separate process under libFuzzer's limits of memory and time, and reads its outcome."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from truegrain_fuzz.targets import TARGETS

MOST_MEGABYTES: Final = 2_000
"""Most megabytes of memory that a target may hold."""
MOST_SECONDS: Final = 10
"""Most seconds that one input may take."""

_EXECUTIONS: Final = re.compile(r"number_of_executed_units:\s+(\d+)")
_PEAK: Final = re.compile(r"peak_rss_mb:\s+(\d+)")
_INPUT: Final = re.compile(r"Test unit written to (\S+)")
_REASON: Final = re.compile(r"^(?:\S*(?:Error|Exception|BrokenPromise)\b.*|.*ERROR: libFuzzer: .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run: inputs tried, peak memory, and the input that broke the target, if there is one."""

    target: str
    executions: int
    peak_mb: int
    broken: Path | None = None
    reason: str = ""


def fuzz(name: str, home: Path, *, seconds: int) -> Outcome:
    """Fuzz a target for so many seconds, or until an input breaks it; `home` keeps the corpus and the breaking input.

    Raises RuntimeError, with the end of the output, when the target cannot be run at all.
    """
    corpus, broken = home / "corpus" / name, home / "broken"
    for folder in (corpus, broken):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [
        *(sys.executable, "-m", "truegrain_fuzz.target", name, str(corpus)),
        f"-max_total_time={seconds}",
        f"-max_len={TARGETS[name].most_bytes}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-timeout={MOST_SECONDS}",
        f"-artifact_prefix={broken}/{name}-",
        "-print_final_stats=1",
        "-detect_leaks=0",
    ]
    return run(name, command)


def run(name: str, command: Sequence[str]) -> Outcome:
    """Run a fuzzer built on libFuzzer and read what it prints; raises RuntimeError as `fuzz` does."""
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    output = ended.stdout + ended.stderr
    executions, peak = _EXECUTIONS.search(output), _PEAK.search(output)
    if executions is None or peak is None:
        raise RuntimeError(f"the target '{name}' ended with status {ended.returncode}:\n{output[-3000:]}")
    broken, reasons = _INPUT.search(output), _REASON.findall(output)
    return Outcome(
        target=name,
        executions=int(executions[1]),
        peak_mb=int(peak[1]),
        broken=Path(broken[1]) if broken else None,
        reason=reasons[0] if broken and reasons else "",
    )
