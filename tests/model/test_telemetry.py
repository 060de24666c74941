"""No library that Truegrain imports sends telemetry, however Truegrain is started."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOAD = """
import sys
from pathlib import Path
import numpy, psutil
numpy.ones((64, 64)) @ numpy.ones((64, 64))
before = psutil.Process().num_threads()
from model.detectors.detector import Detector
detector = Detector.load(Path(sys.argv[1]))
detector.score(numpy.zeros((1, 32, 32, 3), numpy.uint8))
print(psutil.Process().num_threads() - before)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def run(home: Path, *arguments: str, **variables: str) -> str:
    """Return the output of a new Python process. It gets only PATH: the variable CI alone would silence telemetry."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    command = [sys.executable, "-c", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_detector_leaves_no_file_at_home_and_no_thread_that_could_report(
    home: Path, tiny_artifact: Callable[[], Path]
) -> None:
    assert run(home, LOAD, str(tiny_artifact())).strip() == "0"
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("library", ["onnxruntime", "mlflow"])
def test_a_library_that_is_imported_after_a_module_of_ours_leaves_no_file_at_home(home: Path, library: str) -> None:
    run(home, f"import model.settings; import {library}")
    assert list(home.rglob("*")) == []


def test_whoever_wants_to_report_says_so_in_the_environment(home: Path) -> None:
    tell = "import os; import model.settings; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert run(home, tell, ORT_DISABLE_TELEMETRY="0").strip() == "0"
