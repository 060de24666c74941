import io
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from PIL import Image

from model.sources import retries

Grow = Callable[[Iterable[str]], Path]


def draw(shade: int) -> bytes:
    """Return a tiny JPEG, a different one for every shade."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade % 256, 90, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Write different tiny images to the given paths in a folder 'shop'; return the folder."""

    def plant(paths: Iterable[str]) -> Path:
        root = tmp_path / "shop"
        root.mkdir(exist_ok=True)
        for number, path in enumerate(paths):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(draw(number * 10))
        return root

    return plant


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no server, so that a test of what does not pass ends soon."""
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
