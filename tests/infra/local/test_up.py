"""`make up` refuses an impossible request before it starts anything."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from model.registry import ModelVersion
from model.settings import Settings
from truegrain_local import up
from truegrain_local.memory import PeakMemory
from truegrain_local.progress import Progress

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("declared", [False, True])
def test_a_source_without_any_image_is_refused_before_anything_starts(tmp_path: Path, declared: bool) -> None:
    (tmp_path / "empty" / "real").mkdir(parents=True)
    (tmp_path / "sources.toml").write_text('[sources.shoes]\nlocation = "empty"\nlicence = "ours"\n')
    source, home = tmp_path / ("sources.toml" if declared else "empty"), tmp_path / "home"
    with socket.create_server(("127.0.0.1", 0)) as held:  # nothing could start
        port = held.getsockname()[1]
        given = {"SOURCE": str(source), "HOME": str(home), "MLFLOW_PORT": str(port)}
        finished = subprocess.run(
            [sys.executable, "-m", "truegrain_local.up"],
            cwd=ROOT,
            env=os.environ | {f"TRUEGRAIN_{name}": value for name, value in given.items()},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert finished.returncode == 1
    assert f"The source '{tmp_path / 'empty'}' holds no image at all. Put images into it" in finished.stderr
    assert "starting Truegrain" not in finished.stdout
    assert not (home / "run").exists()


def test_no_address_that_it_ends_with_is_localhost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A browser would look for that at ::1 first, where any user of the machine may listen."""
    (tmp_path / "run").mkdir()
    version = ModelVersion(name="detector", version="1", run_id="", tags={}, aliases=())
    with PeakMemory(lambda: iter(())) as memory:
        up._report(
            Settings(home=tmp_path),
            up.Outcome(version, {"model": {"demonstration": True, "trained_on": "drawings"}}, ""),
            Progress(io.StringIO()),
            memory,
        )
    told = capsys.readouterr().out
    assert {f"http://127.0.0.1:{port}" in told for port in (5000, 8000, 8080)} == {True}
    assert "localhost" not in told
    assert "This is a demonstration." in told
    assert "was trained on drawings." in told
