"""A child process reads sources: the result is the same, and a file over a limit costs only this file."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from model.dataset.contained import child, reader
from model.dataset.contained.budget import Budget
from model.dataset.contained.reader import ContainedReader, names_of, sources_of
from model.dataset.ingest import Collected, collect_part, plan
from model.dataset.lake import Lake
from model.errors import ContradictingLabels, SourceError
from model.settings import Settings
from model.sources.declaration import Source
from model.sources.web.reach import PUBLIC
from support.small_images import NOW, labelled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process so")

USUAL = Budget()
LITTLE = Budget(memory_bytes=700_000_000)
SHORT = Budget(seconds=1)
LATER = NOW + timedelta(days=14)

SPIN = b"spin for ever"
"""Bytes from which the child of `spinning_child.py` never returns."""


def grow(root: Path, numbers: Iterable[int]) -> Path:
    for number in numbers:
        image = labelled(number, "real" if number % 2 else "ai")
        path = root / image.label / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    return root


def ingest(lake: Lake, *locations: str | Path, budget: Budget | None, now=NOW) -> Collected:
    (part,) = plan(lake, [Source(location=str(each)) for each in locations], parts=1, budget=budget)
    return collect_part(lake, part, now=now, budget=budget)


def swelling(path: Path, *, size: int) -> Path:
    """Write a shard whose second of three groups holds one value of `size` zeros, in a few kB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, last = labelled(200, "ai").data, labelled(201, "real").data
    images = [{"bytes": data} for data in (first, bytes(size), last)]
    table = pa.table({"image": images, "label": ["ai", "ai", "real"]})
    pq.write_table(table, path, compression="zstd", row_group_size=1, write_statistics=False)
    return path


def spin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the child of `spinning_child.py`."""
    monkeypatch.setattr(child, "_MODULE", "spinning_child")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))


def test_one_word_that_many_rows_share_is_refused_before_the_parent_repeats_it(tmp_path: Path) -> None:
    images = [{"bytes": labelled(number, "ai").data} for number in range(40)]
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 40, pa.int32()), pa.array(["g" * 500_000]))
    table = pa.table({"image": images, "label": ["ai"] * 40, "generator": words})
    pq.write_table(table, tmp_path / "shard.parquet", compression="zstd", use_dictionary=["generator"])
    lake = Lake(str(tmp_path / "lake"))
    told = "generator of the image 'shard.parquet#0' .* has 500,000 characters; at most 255"
    with pytest.raises(SourceError, match=told):
        ingest(lake, tmp_path / "shard.parquet", budget=USUAL)
    assert lake.batches() == []


def test_a_child_that_tells_more_than_a_row_counts_as_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_MOST_JSON", 300)  # each row takes more
    with pytest.raises(SourceError, match="cannot be read: the process that read it ended with"):
        ingest(Lake(str(tmp_path / "lake")), grow(tmp_path / "shop", range(2)), budget=USUAL)


def test_a_child_brings_what_is_brought_without_one(tmp_path: Path) -> None:
    shop, listed = grow(tmp_path / "shop", range(12)), grow(tmp_path / "listed", range(6, 20))
    (shop / "ai" / "broken.jpg").write_bytes(b"no image")
    archive = shutil.make_archive(str(listed), "gztar", listed)
    lakes = [Lake(str(tmp_path / name)) for name in ("here", "child")]
    told: list[list[tuple[int, int]]] = [[], []]
    for lake, budget, progress in zip(lakes, (None, USUAL), told, strict=True):
        (part,) = plan(lake, [Source(location=str(each)) for each in (shop, archive)], parts=1, budget=budget)
        found = collect_part(lake, part, now=NOW, budget=budget, progress=lambda *n, to=progress: to.append(n))
        assert (found.added, found.known, found.undecodable, found.unread) == (27, 0, 1, 0)
    assert told[0] == told[1] == [(13, 13), (27, 27)]
    here, child = lakes
    assert child.batches() == here.batches()
    for shard in here.root.glob("batches/*/*.parquet"):
        assert (child.root / shard.relative_to(here.root)).read_bytes() == shard.read_bytes()
    sources = [Source(location=str(each)) for each in (shop, archive)]
    assert plan(child, sources, parts=1, budget=USUAL) == []
    assert plan(child, [replace(source, neutralise=True) for source in sources], parts=2, budget=USUAL) != []


def test_a_file_that_takes_too_much_memory_is_named_and_left_out_and_tried_again(tmp_path: Path) -> None:
    lake, hub = Lake(str(tmp_path / "lake")), tmp_path / "hub"
    shard = swelling(hub / "b.parquet", size=400_000_000)
    assert shard.stat().st_size < 100_000
    for name, number in (("a", 0), ("c", 1)):
        image = labelled(number, "ai")
        pq.write_table(pa.table({"image": [{"bytes": image.data}], "label": ["ai"]}), hub / f"{name}.parquet")
    with capture_logs() as logs:
        found = ingest(lake, hub, budget=LITTLE)
    assert (found.added, found.undecodable, found.unread) == (4, 0, 1)
    (warning,) = [log for log in logs if log["event"] == "file_not_read"]
    assert warning["path"] == "b.parquet#1 in b.parquet"
    assert "takes more than 0.7 GB of memory (TRUEGRAIN_INGEST_MEMORY_GB)" in warning["reason"]
    again = ingest(lake, hub, budget=USUAL, now=LATER)
    assert (again.added, again.known, again.undecodable, again.unread) == (1, 0, 1, 0)
    assert plan(lake, [Source(location=str(hub))], parts=1, budget=USUAL) == []


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_a_file_that_takes_too_long_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    spin(monkeypatch)
    lake, shop = Lake(str(tmp_path / "lake")), grow(tmp_path / "shop", range(6))
    (shop / "ai" / "03.jpg").write_bytes(SPIN)
    location = str(shop) if kind == "folder" else shutil.make_archive(str(shop), kind, shop)
    began = time.monotonic()
    with capture_logs() as logs:
        found = ingest(lake, location, budget=SHORT)
    assert time.monotonic() - began < 100
    assert (found.added, found.known, found.unread) == (6, 0, 1)
    (warning,) = [log for log in logs if log["event"] == "file_not_read"]
    assert warning["path"].removeprefix("./").startswith("ai/03.jpg" if kind == "folder" else "ai/03.jpg in shop.")
    assert warning["reason"] == "it takes more than 1 s of computing (TRUEGRAIN_INGEST_SECONDS)"
    assert warning["source"] == location


def test_what_ends_the_child_costs_what_it_read_and_adds_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = grow(tmp_path / "shop", range(40))
    for number in range(40):
        shutil.copy(shop / ("real" if number % 2 else "ai") / f"{number:02}.png", shop / "real" / f"twin-{number}.png")
    shutil.rmtree(shop / "ai")
    lake, taken = Lake(str(tmp_path / "lake")), []
    take = ContainedReader._take

    def kill_now_and_then(self, row, image):
        taken.append(row["sha256"])
        if len(taken) in (5, 12):
            self._child._process.send_signal(signal.SIGKILL)
            time.sleep(0.2)
        return take(self, row, image)

    monkeypatch.setattr(ContainedReader, "_take", kill_now_and_then)
    with capture_logs() as logs:
        found = ingest(lake, shop, budget=USUAL)
    lost = [log for log in logs if log["event"] == "file_not_read"]
    assert found.unread == len(lost) <= 2
    assert all(log["reason"].endswith("ended with SIGKILL") for log in lost)
    assert len(taken) == len(set(taken)) == found.added
    assert found.added >= 40 - found.unread


def test_a_listing_over_a_limit_is_the_source_s_fault(tmp_path: Path) -> None:
    shop = grow(tmp_path / "shop", range(2))
    (shop / "labels.csv").write_bytes(b"name,label\n" + b"," * 60_000_000)
    lake = Lake(str(tmp_path / "lake"))
    with pytest.raises(SourceError, match=rf"'csv:{shop}' cannot be read: it takes more than 0\.5 GB of memory"):
        plan(lake, [Source(location=f"csv:{shop}")], parts=1, budget=Budget(memory_bytes=500_000_000))


def test_a_source_of_which_nothing_can_be_read_is_no_quiet_fortnight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop" / "ai").mkdir(parents=True)
    (tmp_path / "shop" / "ai" / "1.jpg").write_bytes(SPIN)
    spin(monkeypatch)
    with pytest.raises(SourceError, match=r"shop' cannot be read: it takes more than 1 s of computing"):
        ingest(Lake(str(tmp_path / "lake")), tmp_path / "shop", budget=SHORT)


def test_more_than_a_few_files_over_a_limit_are_no_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub"
    for number in range(2):
        swelling(hub / f"{number}.parquet", size=400_000_000)
    monkeypatch.setattr(reader, "MOST_UNREAD", 1)
    lake = Lake(str(tmp_path / "lake"))
    with pytest.raises(SourceError, match=r"More than 1 files are over a limit, the last of them '1\.parquet#1 in 1"):
        ingest(lake, hub, budget=LITTLE)
    assert lake.batches() == []


def test_errors_of_a_source_are_those_that_it_has_without_a_child(tmp_path: Path) -> None:
    shop = grow(tmp_path / "shop", range(2))
    lake = Lake(str(tmp_path / "lake"))
    (shop / "labels.csv").write_text("name,label\n00.png,real\n")
    for location, error, words in (
        (f"csv:{shop}", ContradictingLabels, "contradicts a folder"),
        (str(tmp_path / "nothing"), SourceError, "does not exist"),
        (str(grow(tmp_path / "empty", ())), SourceError, "does not exist"),
    ):
        with pytest.raises(error, match=words):
            ingest(lake, location, budget=USUAL)
        with pytest.raises(error, match=words):
            names_of([Source(location=location)], reach=PUBLIC, budget=USUAL)


def test_sources_say_what_they_call_themselves(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    sources = [
        Source(location=str(grow(tmp_path / "shop", range(2)))),
        Source(location=f"feedback:{tmp_path / 'reports'}"),
        Source(location="synthetic?images=2&size=32", name="drawn"),
    ]
    assert names_of(sources, reach=PUBLIC, budget=USUAL) == ["shop", None, "drawn"]


def test_a_declaration_is_read_by_a_child_and_what_is_none_by_nobody(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text('[sources.shop]\nlocation = "shop"\nlicence = "ours"\nneutralise = true\n')
    shop = Source(location=str(tmp_path / "shop"), name="shop", licence="ours", neutralise=True)
    assert sources_of(str(file), reach=PUBLIC, budget=USUAL) == (shop,)
    assert sources_of("csv:s3://bucket/x", reach=PUBLIC, budget=USUAL) == (Source(location="csv:s3://bucket/x"),)
    file.write_text("")
    with pytest.raises(SourceError, match=r"must hold a table \[sources.<name>\]"):
        sources_of(str(file), reach=PUBLIC, budget=USUAL)


def test_a_small_declaration_that_unfolds_to_gigabytes_is_over_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text("a" + ".a" * 15_000 + " = 1\n")
    with pytest.raises(SourceError, match=r"sources.toml' cannot be read: it takes more than 0\.5 GB of memory"):
        sources_of(str(file), reach=PUBLIC, budget=Budget(memory_bytes=500_000_000))


def test_no_child_outlives_a_part_that_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, lake = grow(tmp_path / "shop", range(4)), Lake(str(tmp_path / "lake"))
    (part,) = plan(lake, [Source(location=str(shop))], parts=1, budget=USUAL)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    before = psutil.Process().children()
    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space"):
        broken.setattr(lake, "write_batch", lambda rows: (next(iter(rows)), refuse()))
        collect_part(lake, part, now=NOW, budget=USUAL)
    assert psutil.Process().children() == before
    assert collect_part(lake, part, now=NOW, budget=USUAL).added == 4


def test_the_budget_is_that_of_the_settings() -> None:
    assert Budget.of(Settings(ingest_memory_gb=1.5, ingest_seconds=7)) == Budget(1_500_000_000, 7)
    assert Budget.of(Settings()) == USUAL
