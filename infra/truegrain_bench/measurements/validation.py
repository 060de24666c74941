"""Counts planted defects that validation catches."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from truegrain_bench.results.results import Figure
from truegrain_rig.stack import ROOT

PLANTED = "tests/expectations/suites"
COMMAND = "make bench"


def planted_defects() -> Iterator[Figure]:
    """Run the tests that plant one defect each; count the defects that their own rule caught."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-k", "test_a_planted_", f"--junitxml={report}", PLANTED],
            cwd=ROOT,
            check=False,
        )
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314  # pytest wrote it a moment ago
    yield Figure("validate.planted", len(cases), "defects", COMMAND)
    yield Figure("validate.caught", sum(_passed(case) for case in cases), "defects", COMMAND)


def _passed(case: ElementTree.Element) -> bool:
    return not any(outcome.tag in ("failure", "error", "skipped") for outcome in case)
