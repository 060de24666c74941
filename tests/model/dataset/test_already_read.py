import pytest

from model.dataset import already_read
from model.dataset.already_read import read_seen, remember, tidy_seen
from model.dataset.digest_set import Digests, digest
from model.dataset.lake import Lake
from support.small_images import NOW, collect, many


def a_few(start: int) -> Digests:
    found = Digests()
    for number in range(start, start + 3):
        found.add(digest(number))
    return found


def written(lake: Lake, start: int) -> str:
    (batch,) = collect(lake, many(4, start=start), now=NOW).batches
    return batch


def test_what_was_remembered_is_seen_while_the_batches_of_then_count(lake: Lake) -> None:
    first, second = written(lake, 0), written(lake, 10)
    remember(lake, a_few(0), batches=[first])
    remember(lake, a_few(100), batches=[first, second])
    assert len(read_seen(lake)) == 6
    lake.set_aside([second], reason="one class")
    assert digest(0) in read_seen(lake)
    assert digest(100) not in read_seen(lake)
    lake.readmit([second])
    assert len(read_seen(lake)) == 6


def test_many_files_become_one_that_knows_the_same(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(already_read, "_MOST_FILES", 3)
    first, second, third = written(lake, 0), written(lake, 10), written(lake, 20)
    for start, batches in {0: [], 10: [first], 20: [first, second], 30: [third]}.items():
        remember(lake, a_few(start), batches=batches)
    lake.set_aside([third], reason="one class")
    before = read_seen(lake).to_arrow()
    tidy_seen(lake)
    assert len(list((lake.root / "seen").iterdir())) == 1
    assert read_seen(lake).to_arrow().equals(before)
    lake.set_aside([second], reason="one class")
    assert len(read_seen(lake)) == 0


def test_few_files_stay_as_they_are(lake: Lake) -> None:
    remember(lake, a_few(0), batches=[])
    before = sorted((lake.root / "seen").iterdir())
    tidy_seen(lake)
    assert sorted((lake.root / "seen").iterdir()) == before


def test_a_file_that_is_being_written_is_not_seen(lake: Lake) -> None:
    (lake.root / "seen").mkdir(parents=True)
    (lake.root / "seen" / ".half.parquet").write_bytes(b"PAR1")
    assert len(read_seen(lake)) == 0
