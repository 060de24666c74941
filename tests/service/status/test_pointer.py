from dataclasses import replace
from pathlib import Path

import pytest

from model.errors import ArtifactError
from service.status.pointer import Pointer

POINTER = Pointer(name="n", version="1", run_id="r", folder="1-abc", sha256="abc", dataset_version="d")


def test_a_pointer_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "models" / "production.json"
    POINTER.write(path)
    assert Pointer.read(path) == POINTER


def test_writing_leaves_nothing_but_the_pointer(tmp_path: Path) -> None:
    path = tmp_path / "production.json"
    POINTER.write(path)
    replace(POINTER, version="2").write(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "1"}', '{"version": "1", "unknown": 2}'])
def test_a_broken_pointer_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "production.json"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"production\.json"):
        Pointer.read(path)
