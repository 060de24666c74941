"""The outbox returns its predictions in order: to its own process or, after its end, to another process."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from model.monitoring.predictions import Prediction
from service.records import outbox as module
from service.records.outbox import Outbox
from service.status.prediction_log import name_trouble
from support.monitoring import predict

AT_ONCE = 10


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


@pytest.fixture
def outbox(root: Path) -> Iterator[Outbox]:
    outbox = Outbox(root)
    yield outbox
    outbox.close()


def fill(outbox: Outbox, *numbers: int) -> None:
    for number in numbers:
        assert outbox.append(predict(number))


def take_all(outbox: Outbox) -> list[Prediction | None]:
    taken = []
    while batch := outbox.peek(AT_ONCE):
        taken += batch
        outbox.forget()
    return taken


def numbers(rows: list[Prediction | None]) -> list[int | None]:
    return [int(row.id, 16) if row else None for row in rows]


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a Python program in a separate process with `Outbox`, `root` and `predict` defined."""
    begin = (
        "import os, signal, sys; from pathlib import Path; from support.monitoring import predict;"
        "from service.records.outbox import Outbox; root = Path(sys.argv[1]);"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", begin + program, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def leave_behind(root: Path, count: int) -> Path:
    """Fill an outbox, close it, and return its file, which holds all rows (a killed process leaves two files)."""
    outbox = Outbox(root)
    fill(outbox, *range(count))
    [file] = root.glob("*.outbox")
    outbox.close()
    return file


def count_elsewhere(root: Path) -> int:
    """Return how many outboxes another process can take over."""
    return int(run("print(len(list(Outbox.abandoned(root))))", root).stdout)


def harm(file: Path, *, start: int = 0, length: int = 200) -> None:
    """Damage a part of the file of an outbox whose process has ended."""
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(b"\xa5" * length)


@contextmanager
def no_free_descriptors() -> Iterator[None]:
    """Let this process open no further file within the block (EMFILE), as in a service under load."""
    with limited(resource.RLIMIT_NOFILE, 0):
        yield


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow within the block."""
    with limited(resource.RLIMIT_FSIZE, 0):
        yield


@contextmanager
def limited(what: int, most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))


def test_what_was_put_in_comes_out_in_order_and_leaves_nothing_behind(root: Path, outbox: Outbox) -> None:
    given = [predict(number, embedding=bytes(range(64)), jpeg_quality=None) for number in range(25)]
    for prediction in given:
        assert outbox.append(prediction)
    assert outbox.rows == 25
    assert take_all(outbox) == given
    assert (outbox.rows, outbox.age, outbox.error) == (0, 0, None)
    assert outbox.close() == 0
    assert list(root.iterdir()) == []


def test_what_is_only_looked_at_comes_again(outbox: Outbox) -> None:
    fill(outbox, 1)
    first = outbox.peek(AT_ONCE)
    fill(outbox, 2)
    assert outbox.peek(AT_ONCE)[:1] == first
    assert outbox.age > 0
    assert numbers(take_all(outbox)) == [1, 2]


def test_the_oldest_prediction_that_waits_says_for_how_long(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    fill(outbox, 1)
    now[0] = 110
    fill(outbox, 2)
    assert outbox.age == 10
    outbox.peek(AT_ONCE)
    now[0] = 115
    fill(outbox, 3)
    outbox.forget()
    assert outbox.age == 5
    take_all(outbox)
    now[0] = 200
    fill(outbox, 4)
    assert outbox.age == 0


def test_an_empty_outbox_makes_no_folder(root: Path, outbox: Outbox) -> None:
    assert outbox.peek(AT_ONCE) == []
    outbox.close()
    assert not root.exists()


def test_the_file_is_nobodys_but_the_users(root: Path, outbox: Outbox) -> None:
    fill(outbox, 1)
    assert {path.stat().st_mode & 0o777 for path in root.iterdir()} == {0o600}


def test_the_outbox_of_a_process_that_was_killed_is_taken_over_once(root: Path) -> None:
    died = run(
        "outbox = Outbox(root); [outbox.append(predict(number)) for number in range(25)];"
        "os.kill(os.getpid(), signal.SIGKILL)",
        root,
    )
    assert died.returncode == -9, died.stderr
    [found] = Outbox.abandoned(root)
    assert list(Outbox.abandoned(root)) == []
    assert count_elsewhere(root) == 0
    assert found.rows == 25
    assert numbers(take_all(found)) == list(range(25))
    found.close()
    assert list(root.iterdir()) == []


def test_what_was_not_taken_from_an_abandoned_outbox_is_found_by_the_next(root: Path) -> None:
    leave_behind(root, 25)
    [found] = Outbox.abandoned(root)
    found.peek(AT_ONCE)
    found.forget()
    found.peek(AT_ONCE)
    assert found.close() == 0
    [again] = Outbox.abandoned(root)
    assert numbers(take_all(again)) == list(range(AT_ONCE, 25))
    again.close()


def test_an_outbox_that_somebody_else_was_quicker_to_take_is_no_trouble(root: Path) -> None:
    for number in range(2):
        leave_behind(root / str(number), 1).rename(root / f"{number}.outbox")
    outboxes = Outbox.abandoned(root)
    first = next(outboxes)
    (root / "1.outbox").unlink()
    with capture_logs() as lines:
        assert list(outboxes) == []
    assert lines == []
    first.close()


def test_an_outbox_in_use_is_nobody_elses(root: Path, outbox: Outbox) -> None:
    fill(outbox, 1)
    assert list(Outbox.abandoned(root)) == []
    assert list(Outbox.abandoned(root / "nowhere")) == []
    fill(outbox, 2)
    assert numbers(take_all(outbox)) == [1, 2]
    assert count_elsewhere(root) == 0, "an empty one neither"


def test_looking_for_outboxes_again_and_again_takes_no_more_and_more_descriptors(root: Path, outbox: Outbox) -> None:
    fill(outbox, 1)
    list(Outbox.abandoned(root))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        list(Outbox.abandoned(root))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("opened_first", [True, False])
def test_a_file_that_another_worker_finds_empty_and_deletes_is_not_written_to(
    root: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, opened_first: bool
) -> None:
    connect = sqlite3.connect

    def connect_late(*arguments: Any, **options: Any) -> sqlite3.Connection:
        monkeypatch.undo()
        file = connect(*arguments, **options) if opened_first else None
        for found in Outbox.abandoned(root):
            found.close()
        return file or connect(*arguments, **options)

    monkeypatch.setattr(sqlite3, "connect", connect_late)
    fill(outbox, 1)
    assert outbox.error is not None
    assert list(root.iterdir()) == []
    fill(outbox, 2)
    assert outbox.error is None
    assert len(list(root.glob("*.outbox"))) == 1
    assert numbers(take_all(outbox)) == [1, 2]


def test_an_outbox_grows_no_larger_than_it_may(root: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    fill(outbox, *range(1000))
    assert outbox.error is not None
    assert name_trouble(outbox.error) == "full"
    assert 100 < 1000 - len(outbox._unsaved) < 250
    assert numbers(take_all(outbox)) == list(range(1000))
    outbox.close()
    assert list(root.iterdir()) == []


def test_what_the_file_has_no_room_for_waits_in_memory_up_to_a_bound(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 5)
    fill(outbox, 0)
    with no_room():
        assert [outbox.append(predict(number)) for number in range(1, 9)] == [True] * 5 + [False] * 3
        assert outbox.rows == 6
    fill(outbox, 9)
    assert outbox.error is None
    assert len(outbox._unsaved) == 0, "what waited in memory is safe once the disk has room"
    assert numbers(take_all(outbox)) == [0, 1, 2, 3, 4, 5, 9]


def test_what_waits_in_memory_is_saved_at_the_end_or_counted(root: Path, outbox: Outbox) -> None:
    with no_room():
        fill(outbox, 1, 2)
        assert outbox.close() == 2
        assert outbox.rows == 0
    with no_room():
        fill(outbox, 3, 4)
    assert outbox.close() == 0
    assert outbox.rows == 0, "what is left to others does not wait here"
    [left] = Outbox.abandoned(root)
    assert numbers(take_all(left)) == [3, 4]
    left.close()


def test_what_is_in_the_database_comes_no_more_though_it_cannot_be_deleted(root: Path, outbox: Outbox) -> None:
    fill(outbox, *range(15))
    with no_room():
        outbox.peek(AT_ONCE)
        outbox.forget()
        assert outbox.error is not None
        fill(outbox, 15)
        assert numbers(outbox.peek(AT_ONCE)) == [10, 11, 12, 13, 14, 15]
        outbox.forget()
        assert list(root.iterdir()) == [], "an empty file goes, which makes room"
    fill(outbox, 16)
    assert numbers(take_all(outbox)) == [16]


def test_room_that_many_predictions_took_is_given_back(
    root: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(outbox, *range(200))
    [file] = root.glob("*.outbox")
    assert len(take_all(outbox)) == 200
    assert file.exists()
    monkeypatch.setattr(module, "LARGE_BYTES", 0)
    fill(outbox, 1)
    assert numbers(take_all(outbox)) == [1]
    assert list(root.iterdir()) == []


def test_a_row_that_cannot_be_read_costs_no_other(root: Path) -> None:
    file = leave_behind(root, 3)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE waiting SET prediction = ? WHERE number = 2", (b'{"at": 7}',))
    [found] = Outbox.abandoned(root)
    assert numbers(take_all(found)) == [0, None, 2]
    found.close()


def test_a_row_that_was_deleted_is_owned_up_to(root: Path) -> None:
    file = leave_behind(root, 3)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM waiting WHERE number = 2")
    [found] = Outbox.abandoned(root)
    assert numbers(take_all(found)) == [0, None, 2]
    found.close()


def test_a_file_that_is_no_outbox_is_owned_up_to_kept_and_read_no_more(root: Path) -> None:
    file = leave_behind(root, 3)
    harm(file)
    with capture_logs() as lines:
        [found] = Outbox.abandoned(root)
    assert found.error is not None and name_trouble(found.error) == "failing"
    assert take_all(found) == [None]
    assert [(line["event"], line["kept_as"]) for line in lines] == [
        ("outbox damaged", str(file.with_suffix(".damaged")))
    ]
    found.close()
    assert list(root.iterdir()) == [file.with_suffix(".damaged")]
    assert list(Outbox.abandoned(root)) == []


def test_a_file_that_is_damaged_further_in_loses_what_is_in_it_and_the_outbox_goes_on(root: Path) -> None:
    harm(leave_behind(root, 100), start=5 * 4096, length=4096)
    [found] = Outbox.abandoned(root)
    assert numbers(found.peek(AT_ONCE)) == list(range(AT_ONCE))
    found.forget()
    fill(found, 100)
    assert found.peek(100) == [None] * 91, "what came before anybody noticed is lost too"
    assert found.error is not None and name_trouble(found.error) == "failing"
    fill(found, 101)
    assert found.error is None
    assert numbers(take_all(found)) == [None] * 91 + [101]
    found.close()
    assert [path.suffix for path in root.iterdir()] == [".damaged"]


def test_a_file_that_was_deleted_costs_nothing_and_the_outbox_goes_on(root: Path, outbox: Outbox) -> None:
    fill(outbox, 0, 1, 2)
    for file in root.iterdir():
        file.unlink()
    root.rmdir()
    assert numbers(take_all(outbox)) == [0, 1, 2]
    fill(outbox, 3)
    assert len(list(root.glob("*.outbox"))) == 1
    assert numbers(take_all(outbox)) == [3]


def test_a_file_that_cannot_be_made_now_is_made_later_and_loses_nothing(root: Path, outbox: Outbox) -> None:
    with no_free_descriptors():
        fill(outbox, 1)
        assert outbox.error is not None and name_trouble(outbox.error) == "gone"
    fill(outbox, 2)
    assert outbox.error is None
    outbox.close()
    [left] = Outbox.abandoned(root)
    assert numbers(take_all(left)) == [1, 2]
    left.close()


def test_a_folder_that_cannot_be_reached_is_told_from_one_that_is_full(root: Path, outbox: Outbox) -> None:
    root.touch()
    fill(outbox, 1)
    assert outbox.error is not None and name_trouble(outbox.error) == "gone"
    root.unlink()
    assert numbers(take_all(outbox)) == [1]
    assert outbox.error is None


def test_an_outbox_that_is_open_needs_no_more_descriptors(outbox: Outbox) -> None:
    fill(outbox, 1)
    with no_free_descriptors():
        fill(outbox, 2)
        assert outbox.error is None
        assert numbers(take_all(outbox)) == [1, 2]


def test_an_abandoned_outbox_that_cannot_be_opened_is_left_to_the_next_who_looks(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    leave_behind(root, 5)
    with monkeypatch.context() as failing, capture_logs() as lines:
        failing.setattr(sqlite3, "connect", fail)
        assert list(Outbox.abandoned(root)) == []
    assert [line["event"] for line in lines] == ["abandoned outbox not opened"]
    [found] = Outbox.abandoned(root)
    assert found.rows == 5
    found.close()


def test_threads_append_while_another_takes(outbox: Outbox) -> None:
    taken: list[Prediction | None] = []
    with ThreadPoolExecutor(4) as pool:
        appended = [pool.submit(fill, outbox, *range(start, start + 250)) for start in range(0, 1000, 250)]
        while not all(one.done() for one in appended):
            taken += take_all(outbox)
    taken += take_all(outbox)
    assert sorted(row.id for row in taken if row) == [predict(number).id for number in range(1000)]
