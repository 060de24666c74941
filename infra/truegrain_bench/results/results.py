"""The measured figures: kept in results.json with where they come from, and shown as a table."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from truegrain_rig.stack import ROOT

RESULTS = ROOT / "infra" / "bench" / "results.json"
"""The file that keeps every measured figure."""


@dataclass(frozen=True)
class Figure:
    """A measured value; `name` is a key of `truegrain_bench.results.catalog.MEANING`, `command` measures it again."""

    name: str
    value: float
    unit: str
    command: str


@dataclass(frozen=True)
class Result:
    """A figure as it is kept: with the machine, the day and the revision of the run that measured it."""

    value: float
    unit: str
    command: str
    machine: str
    date: str
    revision: str


def read(path: Path) -> dict[str, Result]:
    """Return the results by name; none when there is no file yet."""
    return {name: Result(**entry) for name, entry in json.loads(path.read_text()).items()} if path.exists() else {}


def record(path: Path, figures: Iterable[Figure], *, root: Path) -> dict[str, Result]:
    """Put `figures` in the file, leave all others as they are, and return the whole."""
    origin = {"machine": _machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "revision": _revision(root)}
    measured = {f.name: Result(value=f.value, unit=f.unit, command=f.command, **origin) for f in figures}
    results = dict(sorted({**read(path), **measured}.items()))
    path.write_text(json.dumps({name: asdict(result) for name, result in results.items()}, indent=2) + "\n")
    return results


def table(results: Mapping[str, Result], meaning: Mapping[str, str]) -> str:
    """Return the results as a Markdown table, in the order of `meaning`."""
    rows = [
        f"| {text} | {write_value(result)} | `{name}`, `{result.command}`, {result.machine}, {result.date} |"
        for name, text in meaning.items()
        if (result := results.get(name))
    ]
    return "\n".join(["| what | measured | how |", "|---|---|---|", *rows])


def write_value(result: Result) -> str:
    """Write a value with its unit, as in '97.72 %'."""
    number = f"{result.value:,.0f}" if float(result.value).is_integer() else f"{result.value:.4g}"
    return f"{number} {result.unit}".strip()


def _machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), {psutil.virtual_memory().total / 1e9:.0f} GB"


def _revision(root: Path) -> str:
    """Name the commit that was measured; what the measurements themselves write does not make it a dirty one."""
    changed = _git(root, "status", "--porcelain", "--", ".", ":!infra/bench/results.json")
    return _git(root, "rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
