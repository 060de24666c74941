"""Files of the lake are complete or absent, whatever happens while they are written."""

import errno
import os
import time
from pathlib import Path

import pytest
from upath import UPath

from model.dataset.lake import Lake
from model.errors import StorageFull
from model.files import identify, move, remove, signature, write_text, write_whole
from support.small_images import NOW, collect, many


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    return UPath(tmp_path if request.param == "local" else f"memory://{tmp_path.name}")


def test_a_file_is_replaced_and_nothing_else_is_left(folder: UPath) -> None:
    write_text(folder / "deep" / "note.txt", "one")
    write_text(folder / "deep" / "note.txt", "zwölf")
    assert (folder / "deep" / "note.txt").read_text(encoding="utf-8") == "zwölf"
    assert [path.name for path in (folder / "deep").iterdir()] == ["note.txt"]


def test_a_writer_that_breaks_off_leaves_the_file_as_it_was(folder: UPath) -> None:
    write_text(folder / "note.txt", "whole")
    with pytest.raises(ConnectionError), write_whole(folder / "note.txt") as file:
        file.write(b"ha")
        raise ConnectionError
    assert (folder / "note.txt").read_text() == "whole"
    assert [path.name for path in folder.iterdir()] == ["note.txt"]


def test_where_nothing_can_be_renamed_the_file_is_not_copied_over_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    note = UPath(tmp_path) / "note.txt"
    write_text(note, "whole")
    for name in ("rename", "replace"):
        monkeypatch.setattr(f"os.{name}", full)
    with pytest.raises(StorageFull, match=r"no room for '.*note\.txt'"):
        write_text(note, "new")
    assert note.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [note]


def test_another_fault_than_a_full_disk_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        move(UPath(tmp_path) / "file" / "none", UPath(tmp_path) / "other")


def test_what_is_not_there_is_removed_already(folder: UPath) -> None:
    write_text(folder / "a" / "b" / "note.txt", "text")
    for path in (folder / "a" / "b" / "note.txt", folder / "a", folder / "a", folder / "a" / "b" / "note.txt"):
        remove(path)
        assert not path.exists()


def test_another_file_in_the_place_of_one_has_another_identity_and_signature(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(UPath(path), "same")
    file, content = identify(path), signature(path)
    assert (identify(path), signature(path)) == (file, content)
    write_text(UPath(path), "same")
    assert identify(path) != file
    assert signature(path) != content


def test_a_file_that_is_written_to_keeps_its_identity_and_changes_its_signature(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("one")
    os.utime(path, ns=(0, 0))
    file, content = identify(path), signature(path)
    path.write_text("two")
    assert identify(path) == file
    assert signature(path) != content


def test_where_no_file_is_there_is_neither_identity_nor_signature(tmp_path: Path) -> None:
    assert identify(tmp_path / "none") is None
    assert signature(tmp_path / "none") is None


def test_what_a_dead_process_has_left_is_removed_after_days_but_not_what_one_may_be_writing(tmp_path: Path) -> None:
    lake, now = Lake(str(tmp_path)), time.time()
    for name in ("0123abcd", f"{now - 3 * 86_400:.0f}-ab", f"{now - 3_600:.0f}-cd"):
        write_text(lake.root / "batches" / f".staging-{name}" / "part-00000.parquet", "half")
    collect(lake, many(3), now=NOW)
    assert [path.name[-3:] for path in tmp_path.glob("batches/.staging-*")] == ["-cd"]


def test_the_version_published_last_is_the_latest_on_any_file_system(folder: UPath) -> None:
    lake = Lake(str(folder))
    for version in (f"20261102-{'b' * 12}", f"20261102-{'a' * 12}"):
        write_text(lake.version_path(version) / "_SUCCESS", "")
        time.sleep(0.01)
    assert lake.latest() == f"20261102-{'a' * 12}"


def test_two_processes_that_write_the_same_batch_at_once_leave_it_whole(
    folder: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, images = Lake(str(folder)), list(many(3))

    def move_while_another_writes(source: UPath, target: UPath) -> None:
        monkeypatch.undo()
        assert collect(lake, images, now=NOW).batches
        move(source, target)

    monkeypatch.setattr("model.dataset.lake.move", move_while_another_writes)
    [batch] = collect(lake, images, now=NOW).batches
    assert lake.batches() == [batch]
    assert list(lake.read_images(lake.facts())) == [image.data for image in images]
