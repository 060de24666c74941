"""The examples of the manual's page on the client run as they are shown."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.manual import ROOT, blocks

PAGE = "integrate/client.md"


@pytest.fixture
def photos(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    (tmp_path / "photos").mkdir()
    for path in ("photo.jpg", "photos/one.jpg", "photos/two.jpg"):
        (tmp_path / path).write_bytes(picture(230, kind="JPEG"))
    return tmp_path


def test_the_calls_from_a_shell_are_answered(service: str, photos: Path) -> None:
    [block] = blocks(PAGE)
    script = block.replace(".venv/bin/truegrain", f"{sys.executable} -m truegrain")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=photos,
        env=os.environ | {"TRUEGRAIN_URL": service},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ai", '{"file":', '{"file":', "ai"]


def test_the_program_prints_the_decision(service: str, photos: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "infra" / "docs" / PAGE).read_text(), flags=re.DOTALL)
    text = program.replace("http://localhost:8000", service)
    done = subprocess.run([sys.executable, "-c", text], cwd=photos, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "ai"
