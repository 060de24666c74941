"""Erased images are gone from the lake, and everything else is unchanged."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from model.dataset.erasure import ABANDONED, erase_from_lake, remove_abandoned
from model.dataset.ingest import assemble, collect_part, plan, publish
from model.dataset.kept_out import REPORTED
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, read_given, read_manifest, write_rows
from model.dataset.shards import ERASED
from model.dataset.tombstones import read_tombstones, record, withdraw
from model.errors import DatasetError
from model.sources.declaration import Source
from model.sources.labelled_image import LabelledImage
from model.sources.reports import SOURCE as REPORTS
from support.small_images import NOW, collect, labelled, many
from support.traces import find_traces

Publish = Callable[[Iterator[LabelledImage]], str]
IMAGE, TWIN = labelled(0, "ai"), labelled(0, "ai", format_="BMP")
LATER = NOW + timedelta(days=14)


def sha256_of(image: LabelledImage) -> str:
    return hashlib.sha256(image.data).hexdigest()


def ask(lake: Lake, lock: Path, *images: LabelledImage) -> None:
    withdraw(lake, map(sha256_of, images), lock=lock, reason="its author asked", now=NOW, erase=True)


def assert_whole(lake: Lake) -> None:
    """Check that every row of a version has the bytes of its hash, and every row of a batch, too, or was erased."""
    facts = lake.facts()
    there = facts[facts["decode_error"] != ERASED]
    for rows in (there, *(read_manifest(lake, version) for version in lake.versions())):
        assert [hashlib.sha256(data).hexdigest() for data in lake.read_images(rows)] == list(rows["sha256"])


def folder(lake: Lake) -> Path:
    return Path(str(lake.root))


def test_no_byte_of_an_image_or_its_twin_is_left_and_every_other_stays_where_it_was(
    lake: Lake, lock: Path, publish_images: Publish
) -> None:
    first = publish_images(many(20))
    collect(lake, [TWIN], now=LATER)
    before = read_manifest(lake, first)
    assert find_traces(folder(lake), [IMAGE.data, TWIN.data]) != []
    ask(lake, lock, IMAGE)
    erased = erase_from_lake(lake, lock=lock)
    assert erased is not None
    assert (erased.rows, erased.images) == (2, {sha256_of(IMAGE), sha256_of(TWIN)})
    assert (erased.versions, len(erased.shards)) == ((first,), 2)
    assert find_traces(folder(lake), [IMAGE.data, TWIN.data]) == []
    after = read_manifest(lake, first)
    pd.testing.assert_frame_equal(after, before[before["sha256"] != sha256_of(IMAGE)].reset_index(drop=True))
    assert_whole(lake)


@pytest.mark.parametrize(("split", "validating"), [("val", True), ("test", False)])
def test_versions_that_were_validated_on_an_image_are_named(
    lake: Lake, lock: Path, publish_images: Publish, split: str, validating: bool
) -> None:
    version = publish_images(replace(image, split=split) if image == IMAGE else image for image in many(20))
    ask(lake, lock, IMAGE)
    erased = erase_from_lake(lake, lock=lock)
    assert erased is not None
    assert erased.versions == (version,)
    assert erased.validating == ((version,) if validating else ())


def test_what_was_measured_of_an_image_goes_with_it_and_what_keeps_it_out_stays(lake: Lake, lock: Path) -> None:
    collect(lake, many(3), now=NOW)
    before = lake.facts()
    ask(lake, lock, IMAGE)
    erase_from_lake(lake, lock=lock)
    after = lake.facts()
    row = after[after["sha256"] == sha256_of(IMAGE)].iloc[0]
    assert row["decode_error"] == ERASED
    assert row[["phash", "sketch", "width", "format", "brightness"]].isna().all()
    kept = ["sha256", "pixel_hash", "label", "source", "origin", "batch", "row"]
    pd.testing.assert_frame_equal(after[kept], before[kept])
    others = before["sha256"] != sha256_of(IMAGE)
    pd.testing.assert_frame_equal(after[others], before[others])


def test_erasing_again_rewrites_nothing(lake: Lake, lock: Path, publish_images: Publish) -> None:
    publish_images(many(20))
    ask(lake, lock, IMAGE)
    erase_from_lake(lake, lock=lock)
    before = {path: path.stat().st_mtime_ns for path in folder(lake).rglob("*.parquet")}
    again = erase_from_lake(lake, lock=lock)
    assert again is not None
    assert (again.rows, again.shards, again.tables) == (0, (), ())
    assert {path: path.stat().st_mtime_ns for path in folder(lake).rglob("*.parquet")} == before


def test_nothing_is_erased_that_was_only_to_be_kept_out(lake: Lake, lock: Path, publish_images: Publish) -> None:
    publish_images(many(20))
    withdraw(lake, [sha256_of(IMAGE)], lock=lock, reason="its label is wrong", now=NOW)
    assert erase_from_lake(lake, lock=lock) is None
    assert find_traces(folder(lake), [IMAGE.data]) != []
    ask(lake, lock, IMAGE)
    assert read_tombstones(lake)["erase"].tolist() == [True]
    assert erase_from_lake(lake, lock=lock) is not None
    assert find_traces(folder(lake), [IMAGE.data]) == []


def test_an_image_in_a_batch_that_was_set_aside_is_erased_too(lake: Lake, lock: Path) -> None:
    lake.set_aside(collect(lake, many(4), now=NOW).batches, reason="one class")
    ask(lake, lock, IMAGE)
    erased = erase_from_lake(lake, lock=lock)
    assert erased is not None
    assert erased.rows == 1
    assert find_traces(folder(lake), [IMAGE.data]) == []


def test_later_versions_do_without_it_and_remember_the_splits_of_all(
    lake: Lake, lock: Path, publish_images: Publish
) -> None:
    first = publish_images(many(40))
    given = read_given(lake, first).set_index("sha256")["split"]
    ask(lake, lock, IMAGE)
    erase_from_lake(lake, lock=lock)
    assert read_given(lake, first).set_index("sha256")["split"].to_dict() == given.to_dict()
    collect(lake, many(2, start=40), now=LATER)
    second = assemble(lake, today=date(2026, 11, 16))
    rows = read_candidates(lake, second)
    assert (len(rows), sha256_of(IMAGE) in set(rows["sha256"])) == (41, False)
    assert given.to_dict() | read_given(lake, second).set_index("sha256")["split"].to_dict() == (
        read_given(lake, second).set_index("sha256")["split"].to_dict()
    )


def test_an_erased_image_that_comes_again_is_not_taken_in(lake: Lake, lock: Path) -> None:
    collect(lake, many(4), now=NOW)
    ask(lake, lock, IMAGE)
    erase_from_lake(lake, lock=lock)
    again = collect(
        lake, [IMAGE, TWIN, replace(IMAGE, source="elsewhere", split="test"), labelled(9, "real")], now=LATER
    )
    assert again.added == 1, "the last alone: pixels tell the twin, and no other source or split helps"
    assert find_traces(folder(lake), [IMAGE.data, TWIN.data]) == []


def test_what_a_reporter_takes_back_stays_where_another_source_brought_it(
    lake: Lake, lock: Path, publish_images: Publish
) -> None:
    reported = replace(IMAGE, source=REPORTS, split="train", generator=None)
    collect(lake, [reported, labelled(50, "ai")], now=NOW - timedelta(days=1))
    version = publish_images(many(20))
    held = read_manifest(lake, version).set_index("sha256")["source"]
    assert held[sha256_of(IMAGE)] == "made", "a curated source goes before a report"
    record(lake, [sha256_of(IMAGE)], reason="taken back", now=NOW, scope=REPORTED, erase=True)
    erased = erase_from_lake(lake, lock=lock)
    assert erased is not None
    assert (erased.rows, erased.withdrawn, erased.tables) == (1, frozenset(), ())
    assert sha256_of(IMAGE) in set(read_manifest(lake, version)["sha256"])
    assert find_traces(folder(lake), [IMAGE.data]) != []
    assert_whole(lake)


def test_what_a_reporter_took_back_may_be_brought_by_another_source_but_by_no_report(lake: Lake, lock: Path) -> None:
    reported = replace(IMAGE, source=REPORTS, split="train")
    collect(lake, [reported, *many(10, start=10)], now=NOW)
    record(lake, [sha256_of(IMAGE)], reason="taken back", now=NOW, scope=REPORTED, erase=True)
    assert sha256_of(IMAGE) not in set(read_candidates(lake, assemble(lake, today=date(2026, 11, 2)))["sha256"])
    erase_from_lake(lake, lock=lock)
    assert find_traces(folder(lake), [IMAGE.data]) == []
    assert collect(lake, [reported], now=LATER).added == 0
    assert collect(lake, [replace(IMAGE, split="train")], now=LATER).added == 1
    rows = read_candidates(lake, assemble(lake, today=date(2026, 11, 16)))
    assert rows.loc[rows["sha256"] == sha256_of(IMAGE), "source"].tolist() == ["made"]
    ask(lake, lock, IMAGE)
    assert read_tombstones(lake)["scope"].tolist() == ["everywhere"]
    erase_from_lake(lake, lock=lock)
    assert find_traces(folder(lake), [IMAGE.data]) == []


def test_a_version_that_was_validated_while_an_image_was_erased_is_not_published(lake: Lake, lock: Path) -> None:
    collect(lake, many(20), now=NOW)
    version = assemble(lake, today=date(2026, 11, 2))
    candidates = read_candidates(lake, version)
    ask(lake, lock, IMAGE)
    erase_from_lake(lake, lock=lock)
    write_rows(lake, version, candidates, name="manifest")
    (lake.version_path(version) / "validation.json").write_text('{"success": true}')
    with pytest.raises(DatasetError, match="withdrawn meanwhile; assemble it again"):
        publish(lake, version)


def test_a_batch_that_is_being_collected_is_named_for_nobody_can_tell_what_is_in_it(lake: Lake, lock: Path) -> None:
    collect(lake, many(4), now=NOW)
    staging = lake.root / "batches" / f".staging-{time.time():.0f}-0"
    shutil.copytree(next(folder(lake).glob("batches/*")), str(staging))
    ask(lake, lock, IMAGE)
    erased = erase_from_lake(lake, lock=lock)
    assert erased is not None
    assert erased.unfinished == (f"batches/{staging.name}",)


def test_what_a_killed_writer_left_is_removed_once_nobody_can_be_writing_it(lake: Lake) -> None:
    old, fresh, other = (
        lake.root / "feedback" / name for name in (f".a.parquet-{'0' * 32}", f".b-{'1' * 32}", ".keep")
    )
    for path in (old, fresh, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    now = datetime.now(UTC)
    past = (now - ABANDONED - timedelta(minutes=1)).timestamp()
    for path in (old, other):
        os.utime(str(path), (past, past))
    assert remove_abandoned(lake.root, now=now) == [old]
    assert remove_abandoned(lake.root / "feedback", now=now, kind=".parquet", age=timedelta(0)) == []
    assert [fresh.exists(), other.exists()] == [True, True]
    assert remove_abandoned(UPath(str(lake.root)) / "nowhere", now=now) == []


@pytest.fixture
def shop(tmp_path: Path) -> Source:
    """A folder of twelve images of two classes."""
    for image in many(12):
        path = tmp_path / "shop" / image.label / image.origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    return Source(location=str(tmp_path / "shop"), name="shop")


def take_in(lake: Lake, source: Source, *, now: datetime) -> None:
    for part in plan(lake, [source], parts=1):
        collect_part(lake, part, now=now)


def named(lake: Lake) -> pd.DataFrame:
    """Return the images of one file of the shop in the lake: the original, then the neutralised one."""
    facts = lake.facts()
    return facts[facts["origin"].str.startswith("ai/0.png")].sort_values("origin", key=lambda names: names.str.len())


@pytest.mark.parametrize("erase", [True, False])
@pytest.mark.parametrize("which", [0, 1])
def test_a_file_and_what_neutralising_made_of_it_are_withdrawn_together(
    lake: Lake, lock: Path, shop: Source, which: int, *, erase: bool
) -> None:
    take_in(lake, shop, now=NOW)
    take_in(lake, replace(shop, neutralise=True), now=LATER)
    staged = assemble(lake, today=LATER.date())
    files = list(lake.read_images(named(lake)))
    sums = list(named(lake)["sha256"])
    assert len(sums) == 2
    withdraw(lake, [sums[which]], lock=lock, reason="its author asked", now=NOW, erase=erase)
    (lake.version_path(staged) / "validation.json").write_text('{"success": true}')
    write_rows(lake, staged, read_candidates(lake, staged), name="manifest")
    with pytest.raises(DatasetError, match="withdrawn meanwhile"):
        publish(lake, staged)
    after = read_candidates(lake, assemble(lake, today=LATER.date()))
    assert len(after) == 11
    assert not after["sha256"].isin(sums).any()
    erased = erase_from_lake(lake, lock=lock)
    assert (erased is not None) == erase
    if erased is not None:
        assert (erased.rows, erased.images, erased.withdrawn) == (2, frozenset(sums), frozenset(sums))
        assert find_traces(folder(lake), files) == []
    assert_whole(lake)


def test_a_line_break_in_a_path_hides_nothing_that_neutralising_made(lake: Lake, lock: Path, shop: Source) -> None:
    (Path(shop.location) / "ai" / "0.png").rename(Path(shop.location) / "ai" / "0.png\n.png")
    take_in(lake, shop, now=NOW)
    take_in(lake, replace(shop, neutralise=True), now=LATER)
    first, second = named(lake)["sha256"]
    withdraw(lake, [first], lock=lock, reason="its author asked", now=NOW, erase=True)
    erased = erase_from_lake(lake, lock=lock)
    assert erased is not None
    assert erased.images == {first, second}


@pytest.mark.parametrize("neutralised_first", [True, False])
def test_an_erased_file_does_not_come_back_neutralised_nor_as_it_was(
    lake: Lake, lock: Path, shop: Source, *, neutralised_first: bool
) -> None:
    take_in(lake, replace(shop, neutralise=neutralised_first), now=NOW)
    withdraw(lake, named(lake)["sha256"], lock=lock, reason="its author asked", now=NOW, erase=True)
    erase_from_lake(lake, lock=lock)
    take_in(lake, replace(shop, neutralise=not neutralised_first), now=LATER)
    assert (len(named(lake)), len(lake.facts())) == (1, 23)
    assert erase_from_lake(lake, lock=lock) is not None
    rows = read_candidates(lake, assemble(lake, today=LATER.date()))
    assert not rows["origin"].str.startswith("ai/0.png").any()


def test_another_picture_under_the_name_of_an_erased_one_stays(lake: Lake, lock: Path, shop: Source) -> None:
    take_in(lake, shop, now=NOW)
    first = named(lake)["sha256"]
    (Path(shop.location) / "ai" / "0.png").write_bytes(labelled(100, "ai").data)
    withdraw(lake, first, lock=lock, reason="its author asked", now=NOW, erase=True)
    take_in(lake, shop, now=LATER)
    erased = erase_from_lake(lake, lock=lock)
    assert erased is not None
    assert (erased.rows, len(named(lake))) == (1, 2)
    assert (read_candidates(lake, assemble(lake, today=LATER.date()))["origin"] == "ai/0.png").sum() == 1
