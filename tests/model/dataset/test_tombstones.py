"""Withdrawn images are remembered with the reason."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from model.dataset.kept_out import EVERYWHERE, REPORTED, KeptOut
from model.dataset.lake import Lake
from model.dataset.tombstones import (
    SCHEMA,
    Withdrawal,
    note_erased,
    read_tombstones,
    record,
    withdraw,
)
from model.errors import DatasetError, LockHeld
from model.files import write_table
from model.processes import locked
from model.sources.reports import SOURCE as REPORTS
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


def test_a_tombstone_is_widened_and_never_narrowed(lake: Lake, lock: Path) -> None:
    record(lake, [UNSEEN], reason="taken back", now=NOW, scope=REPORTED)
    assert record(lake, [UNSEEN], reason="again", now=NOW, scope=REPORTED) == 0
    assert record(lake, [UNSEEN], reason="and erased", now=NOW, scope=REPORTED, erase=True) == 1
    note_erased(lake, [UNSEEN], now=NOW)
    assert withdraw(lake, [UNSEEN], lock=lock, reason="private", now=NOW).added == 1
    record(lake, [UNSEEN], reason="taken back", now=NOW, scope=REPORTED)
    (stone,) = read_tombstones(lake).to_dict("records")
    assert (stone["scope"], stone["erase"], stone["reason"]) == (EVERYWHERE, True, "private")
    assert pd.isna(stone["erased_at"]), "what is withdrawn everywhere has to be looked for everywhere"


def test_tombstones_of_an_earlier_release_count_everywhere_and_erase_nothing(lake: Lake) -> None:
    earlier = pa.schema([field for field in SCHEMA if field.name not in ("scope", "erase", "erased_at")])
    row = {"sha256": UNSEEN, "pixel_hash": IMAGE, "reason": "private", "withdrawn_at": NOW}
    write_table(lake.root / "tombstones.parquet", pa.Table.from_pylist([row], schema=earlier))
    stones = read_tombstones(lake)
    assert stones[["scope", "erase"]].to_numpy().tolist() == [[EVERYWHERE, False]]
    assert KeptOut.of(stones) == KeptOut(frozenset({UNSEEN, IMAGE}), frozenset())


def test_a_reporter_keeps_out_what_came_by_reports_and_nothing_else() -> None:
    kept_out = KeptOut(frozenset("a"), frozenset("b"))
    images = [(sha256, pixels, source) for sha256 in "abc" for pixels in ("a", "b", None) for source in (REPORTS, "x")]
    frame = pd.DataFrame(images, columns=["sha256", "pixel_hash", "source"])
    wanted = [
        "a" in (sha256, pixels) or ("b" in (sha256, pixels) and source == REPORTS) for sha256, pixels, source in images
    ]
    assert list(kept_out.mark(frame)) == wanted
    assert [kept_out.holds(*image) for image in images] == wanted


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
    """`while_reading(act)` calls `act` once, when the lake is next read."""

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
