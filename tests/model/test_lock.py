"""One at a time, and nobody waits for ever."""

from pathlib import Path

import pytest

from model.errors import LockHeld
from model.lock import locked


def test_who_cannot_have_it_is_told_which_file_is_held(lock: Path) -> None:
    with locked(lock), pytest.raises(LockHeld, match=rf"held {lock} for 0 s; try again"), locked(lock, seconds=0):
        pass


def test_it_is_let_go_of_whatever_happens(lock: Path) -> None:
    with pytest.raises(ValueError, match="mistake"), locked(lock):
        raise ValueError("a mistake")
    with locked(lock, seconds=0):
        pass


def test_its_folder_is_made(tmp_path: Path) -> None:
    with locked(tmp_path / "new" / "lock"):
        assert (tmp_path / "new" / "lock").exists()
