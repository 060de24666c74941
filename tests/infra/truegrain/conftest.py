"""A real service for the client's tests, pictures to send, and the command as a person runs it."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.answers.receipts import make_key
from truegrain_rig.served import serving
from truegrain_rig.tiny_detector import write_tiny

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the tiny detector: bright pictures are AI. It takes 100 kB and 1 megapixel."""
    folder = tmp_path_factory.mktemp("served")
    make_key(folder / "receipts.pem")
    settings = {"max_upload_bytes": 100_000, "max_pixels": 1_000_000, "receipt_key": folder / "receipts.pem"}
    with serving(write_tiny(folder / "tiny"), workers=1, **settings) as running:
        yield running.url


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """`picture(230)` returns a file of about that grey; above 128 the tiny detector calls it AI."""

    def draw(level: int, *, size: tuple[int, int] = (32, 32), kind: str = "PNG") -> bytes:
        file = io.BytesIO()
        columns, rows = size if max(size) < 100 else (11, 11)  # large squares make small files
        squares = (level + np.random.default_rng(level).integers(-5, 6, (rows, columns, 3))).clip(0, 255)
        Image.fromarray(squares.astype(np.uint8)).resize(size, Image.Resampling.NEAREST).save(file, kind)
        return file.getvalue()

    return draw


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    """A folder with two pictures, a damaged one, two files that are no pictures and a hidden one."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    (folder / "a.png").write_bytes(picture(230))
    (folder / "below" / "by its first bytes").write_bytes(picture(20, kind="JPEG"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "notes.txt").write_text("nothing to see")
    (folder / "clip.mp4").write_bytes(bytes(64))
    (folder / "._a.png").write_bytes(bytes(64))
    return folder


@pytest.fixture
def truegrain(tmp_path: Path) -> Command:
    """`truegrain("predict", "a.png")` runs the command in a process of its own."""

    def run(
        *arguments: object, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "truegrain", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | (variables or {}), input=stdin, capture_output=True, check=False
        )
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
