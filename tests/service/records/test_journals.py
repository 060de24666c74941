"""Journals of an earlier release are read once, and not while their worker still lives."""

import fcntl
import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from model.monitoring.predictions import Prediction
from service.records.journals import read_journals
from support.monitoring import predict


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def leave_behind(root: Path, folder: str, *numbers: int) -> Path:
    """Write a journal as the earlier release did, two rows a file, and return its folder."""
    (root / folder).mkdir(parents=True)
    for number in numbers:
        file = root / folder / f"{number // 2:09d}.jsonl"
        with file.open("ab") as opened:
            opened.write(TypeAdapter(Prediction).dump_json(predict(number, embedding=b"\1\2")) + b"\n")
    return root / folder


def read_all(root: Path) -> list[int]:
    return [int(row.id, 16) for batch in read_journals(root, 2) for row in batch if row]


def test_all_journals_are_read_and_deleted(root: Path) -> None:
    leave_behind(root, "a", 0, 1, 2, 3, 4)
    leave_behind(root, "b", 5)
    batches = list(read_journals(root, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1, 1]
    assert batches[0][1] == predict(1, at=batches[0][1].at, embedding=b"\1\2")
    assert not root.exists()
    assert read_all(root) == []


def test_a_batch_that_could_not_be_written_comes_again(root: Path) -> None:
    leave_behind(root, "a", 0, 1, 2, 3)
    batches = read_journals(root, 2)
    next(batches)
    next(batches)
    batches.close()
    assert read_all(root) == [2, 3]


def test_the_journal_of_a_worker_that_lives_is_left_to_that_worker(root: Path) -> None:
    mine = os.open(leave_behind(root, "a", 0, 1), os.O_RDONLY)
    fcntl.flock(mine, fcntl.LOCK_EX)
    leave_behind(root, "b", 2)
    assert read_all(root) == [2]
    os.close(mine)
    assert read_all(root) == [0, 1]
    assert not root.exists()
