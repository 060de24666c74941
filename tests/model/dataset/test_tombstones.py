"""What is withdrawn is remembered, with its reason."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from model.dataset.lake import Lake
from model.dataset.tombstones import Withdrawal, read_tombstones, withdraw
from model.errors import DatasetError, LockHeld
from model.processes import locked
from support.small_images import NOW, collect, labelled, many

IMAGE = hashlib.sha256(labelled(0, "ai").data).hexdigest()
UNSEEN = "0" * 64


def test_nothing_is_withdrawn_at_first(lake: Lake) -> None:
    assert read_tombstones(lake).empty


def test_a_tombstone_knows_the_pixels_of_an_image_in_the_lake_and_the_reason(lake: Lake, lock: Path) -> None:
    collect(lake, many(3), now=NOW)
    assert withdraw(lake, [IMAGE, UNSEEN], lock=lock, reason=" private ", now=NOW) == Withdrawal(2, 0, (UNSEEN,))
    stones = read_tombstones(lake).set_index("sha256")
    assert list(stones["reason"]) == ["private", "private"]
    facts = lake.facts().set_index("sha256")
    assert stones.loc[IMAGE, "pixel_hash"] == facts.loc[IMAGE, "pixel_hash"]
    assert stones["pixel_hash"].isna().to_dict() == {IMAGE: False, UNSEEN: True}


def test_withdrawing_again_changes_nothing(lake: Lake, lock: Path) -> None:
    withdraw(lake, [UNSEEN], lock=lock, reason="private", now=NOW)
    before = (lake.root / "tombstones.parquet").read_bytes()
    assert withdraw(lake, [UNSEEN], lock=lock, reason="other", now=NOW + timedelta(days=1)) == Withdrawal(
        0, 1, (UNSEEN,)
    )
    assert (lake.root / "tombstones.parquet").read_bytes() == before


def test_everything_that_is_no_sum_is_named_at_once(lake: Lake, lock: Path) -> None:
    with pytest.raises(DatasetError, match=r"hexadecimal digits: 'abc', 'def'$"):
        withdraw(lake, ["def", UNSEEN, "abc"], lock=lock, reason="private", now=NOW)


@pytest.mark.parametrize("text", ["", "abc", UNSEEN.replace("0", "A"), UNSEEN + "0"])
def test_what_is_no_sum_is_refused_and_nothing_is_withdrawn(lake: Lake, lock: Path, text: str) -> None:
    with pytest.raises(DatasetError, match="no SHA-256 sum"):
        withdraw(lake, [UNSEEN, text], lock=lock, reason="private", now=NOW)
    assert read_tombstones(lake).empty


def test_a_withdrawal_needs_an_image(lake: Lake, lock: Path) -> None:
    with pytest.raises(DatasetError, match="name at least one image"):
        withdraw(lake, [], lock=lock, reason="private", now=NOW)


def test_a_withdrawal_needs_a_reason(lake: Lake, lock: Path) -> None:
    with pytest.raises(DatasetError, match="say why"):
        withdraw(lake, [UNSEEN], lock=lock, reason=" ", now=NOW)


@pytest.fixture
def while_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """`while_reading(act)` has `act` called as soon as the lake is read, once."""

    def arrange(act: Callable[[], object]) -> None:
        def scan(self: Lake, columns: list[str]) -> Iterator[pa.RecordBatch]:
            monkeypatch.undo()
            act()
            return self.scan(columns)

        monkeypatch.setattr(Lake, "scan", scan)

    return arrange


def test_what_is_withdrawn_during_a_withdrawal_is_not_lost(
    lake: Lake, lock: Path, while_reading: Callable[[Callable[[], object]], None]
) -> None:
    while_reading(lambda: withdraw(lake, [IMAGE], lock=lock, reason="wrong", now=NOW))
    withdraw(lake, [UNSEEN], lock=lock, reason="private", now=NOW)
    assert read_tombstones(lake)["sha256"].tolist() == [IMAGE, UNSEEN]


def test_who_waits_too_long_for_others_is_told(lake: Lake, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.dataset.tombstones.locked", partial(locked, seconds=0))
    with locked(lock), pytest.raises(LockHeld, match="has held"):
        withdraw(lake, [UNSEEN], lock=lock, reason="private", now=NOW)
    assert read_tombstones(lake).empty
