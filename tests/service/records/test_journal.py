"""The journal gives back what was put into it, in order: to its own process or, once that is gone, to another."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model.monitoring.predictions import Prediction
from service.records import journal as module
from service.records.journal import Journal
from support.predictions import predict

AT_ONCE = 10


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(root: Path) -> Journal:
    return Journal(root)


def take_all(journal: Journal) -> list[Prediction | None]:
    taken = []
    while batch := journal.peek(AT_ONCE):
        taken += batch
        journal.advance()
    return taken


def leave_behind(root: Path, count: int) -> None:
    """Have another process fill a journal, and kill it."""
    program = (
        "import os, signal, sys; from pathlib import Path; from made_predictions import predict;"
        "from service.records.journal import Journal; journal = Journal(Path(sys.argv[1]));"
        "[journal.append(predict(number)) for number in range(int(sys.argv[2]))]; os.kill(os.getpid(), signal.SIGKILL)"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", program, str(root), str(count)]
    assert subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, check=False).returncode == -9


def test_what_was_put_in_comes_out_in_order_and_leaves_nothing_behind(root: Path, journal: Journal) -> None:
    given = [predict(number, embedding=bytes(range(64)), jpeg_quality=None) for number in range(25)]
    for prediction in given:
        journal.append(prediction)
    assert journal.rows == 25
    assert take_all(journal) == given
    assert (journal.rows, journal.age) == (0, 0)
    journal.close()
    assert list(root.iterdir()) == []


def test_what_is_only_looked_at_comes_again(journal: Journal) -> None:
    journal.append(predict(1))
    first = journal.peek(AT_ONCE)
    journal.append(predict(2))
    assert journal.peek(AT_ONCE) == first
    assert journal.age > 0
    assert [row.id for row in take_all(journal) if row] == [predict(1).id, predict(2).id]


def test_an_empty_journal_makes_no_folder(root: Path, journal: Journal) -> None:
    assert journal.peek(AT_ONCE) == []
    journal.close()
    assert not root.exists()


def test_the_journal_of_a_process_that_was_killed_is_taken_over_once(root: Path) -> None:
    leave_behind(root, 25)
    [found] = Journal.abandoned(root)
    assert list(Journal.abandoned(root)) == []
    assert found.rows == 25
    assert [row.id for row in take_all(found) if row] == [predict(number).id for number in range(25)]
    found.close()
    assert list(root.iterdir()) == []


def test_what_was_not_taken_from_an_abandoned_journal_is_found_by_the_next(root: Path) -> None:
    leave_behind(root, 25)
    [found] = Journal.abandoned(root)
    found.peek(AT_ONCE)
    found.advance()
    found.close()
    [again] = Journal.abandoned(root)
    assert len(take_all(again)) == 25, "to write a row twice does no harm, to lose one does"


def test_a_journal_in_use_is_nobody_elses(root: Path, journal: Journal) -> None:
    journal.append(predict(1))
    assert list(Journal.abandoned(root)) == []
    assert list(Journal.abandoned(root / "nowhere")) == []


def test_a_journal_grows_no_larger_than_it_may(root: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 2_000)
    with pytest.raises(OSError, match="2,000 bytes") as refused:
        for number in range(100):
            journal.append(predict(number))
    assert refused.value.errno == errno.EFBIG
    [file] = root.rglob("*.jsonl")
    assert 1_000 < file.stat().st_size <= 2_000
    assert None not in take_all(journal)
    journal.append(predict(5))


def test_a_disk_that_takes_half_a_row_keeps_the_rows_before_and_after(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(predict(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2]))
    with pytest.raises(OSError, match="No space left"):
        journal.append(predict(2))
    monkeypatch.undo()
    journal.append(predict(3))
    assert [row.id for row in take_all(journal) if row] == [predict(1).id, predict(3).id]


@pytest.mark.parametrize(
    "harm", [lambda line: line[:40] + b"\n", lambda _: b"\0" * 99 + b"\n", lambda _: b'{"at": 7}\n']
)
def test_a_row_that_cannot_be_read_costs_no_other(root: Path, journal: Journal, harm: Callable[[bytes], bytes]) -> None:
    for number in range(3):
        journal.append(predict(number))
    [file] = root.rglob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + harm(lines[1]) + lines[2])
    assert [row and row.id for row in take_all(journal)] == [predict(0).id, None, predict(2).id]


def test_a_file_that_was_cut_off_is_owned_up_to(root: Path, journal: Journal) -> None:
    for number in range(3):
        journal.append(predict(number))
    [file] = root.rglob("*.jsonl")
    file.write_bytes(b"")
    assert take_all(journal) == [None, None, None]


def test_a_file_in_which_nothing_found_room_stands_in_no_ones_way(
    root: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda *_: 0)
        with pytest.raises(OSError, match="No space left"):
            journal.append(predict(1))
    for file in root.rglob("*.jsonl"):
        file.unlink()
    assert journal.peek(AT_ONCE) == []
    journal.append(predict(2))
    assert len(take_all(journal)) == 1


def test_a_file_that_was_deleted_is_owned_up_to_and_the_journal_goes_on(root: Path, journal: Journal) -> None:
    for number in range(3):
        journal.append(predict(number))
    [file] = root.rglob("*.jsonl")
    file.unlink()
    file.parent.rmdir()
    assert take_all(journal) == [None, None, None]
    with pytest.raises(FileNotFoundError):
        journal.append(predict(4))
    journal.append(predict(5))
    assert [row and row.id for row in take_all(journal)] == [predict(5).id]


@contextmanager
def no_free_descriptors() -> Iterator[None]:
    """Let this process open no file for the while, which a service under load may come to (EMFILE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_that_cannot_be_opened_now_is_read_later_and_loses_nothing(journal: Journal) -> None:
    for number in range(3):
        journal.append(predict(number))
    with no_free_descriptors(), pytest.raises(OSError, match="Too many open files"):
        journal.peek(AT_ONCE)
    assert [row and row.id for row in take_all(journal)] == [predict(number).id for number in range(3)]


def test_a_journal_that_cannot_begin_another_file_stays_its_owners(root: Path, journal: Journal) -> None:
    journal.append(predict(1))
    journal.peek(AT_ONCE)
    with no_free_descriptors(), pytest.raises(OSError, match="Too many open files"):
        journal.append(predict(2))
    assert list(Journal.abandoned(root)) == []
    journal.append(predict(3))
    assert [row and row.id for row in take_all(journal)] == [predict(1).id, predict(3).id]


def test_an_abandoned_journal_that_cannot_be_measured_is_left_to_the_next_who_looks(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    leave_behind(root, 5)
    with monkeypatch.context() as failing:
        failing.setattr(module, "_measure", fail)
        assert list(Journal.abandoned(root)) == []
    [found] = Journal.abandoned(root)
    assert found.rows == 5
    found.close()
