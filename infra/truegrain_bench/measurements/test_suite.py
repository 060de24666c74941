"""Measures the duration of the tests, and their coverage."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from truegrain_bench.results.results import Figure
from truegrain_rig.stack import ROOT


def whole_suite() -> Iterator[Figure]:
    """Run `make test`; raise CalledProcessError when a test fails."""
    begin = time.monotonic()
    subprocess.run(["make", "test"], cwd=ROOT, check=True)
    yield Figure("tests.seconds", round(time.monotonic() - begin), "s", "make bench-full")


def reached_code() -> Iterator[Figure]:
    """Run `make coverage`; raise CalledProcessError when a test fails."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        subprocess.run(["make", "coverage"], cwd=ROOT, check=True)
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", report], cwd=ROOT, check=True)
        covered = json.loads(report.read_text())["totals"]["percent_covered"]
        yield Figure("tests.coverage", round(covered, 1), "%", "make bench-full")
