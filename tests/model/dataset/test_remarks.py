"""What sources say about their reading reaches the summary of each version."""

import json
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.dataset.contained.budget import Budget
from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.ingest_parts import Part
from model.dataset.lake import Lake
from model.dataset.remarks import read_notes
from model.sources.declaration import Source
from support.small_images import NOW, many


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder of images, of things that are none, and of shards in which labels are missing."""
    root = tmp_path / "shop"
    for image in many(20):
        path = root / image.label / image.origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    (root / "ai" / "drawing.svg").write_text("<svg/>")
    (root / "test9" / "real").mkdir(parents=True)
    (root / "test9" / "real" / "a.png").write_bytes(next(many(1, start=50)).data)
    return root


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of two shards with rows that have no label, and of another file."""
    root = tmp_path / "shards"
    root.mkdir()
    for number in range(2):
        images = [{"bytes": image.data} for image in many(20, start=20 * number)]
        labels = [None if row % 10 == 0 else ("real", "ai")[row % 2] for row in range(20)]
        table = pa.table({"image": images, "label": labels})
        pq.write_table(table, root / f"{number}.parquet", row_group_size=4)
    (root / "README.md").write_text("x")
    return root


def ingest(lake: Lake, *locations: Path, parts: int, budget: Budget | None = None, days: int = 0) -> None:
    sources = [Source(location=str(location)) for location in locations]
    for part in plan(lake, sources, parts=parts, budget=budget):
        again = json.loads(json.dumps(asdict(part)))
        collect_part(lake, Part(**again), now=NOW + timedelta(days=days), budget=budget)


def said(lake: Lake) -> list[tuple[str, int, bool]]:
    return [(note["text"].partition(",")[0], note["count"], note["warns"]) for note in read_notes(lake)]


@pytest.mark.parametrize("budget", [None, Budget()])
@pytest.mark.parametrize("parts", [1, 3])
def test_what_was_not_read_is_counted_once_whatever_the_parts(
    tmp_path: Path, shop: Path, shards: Path, parts: int, budget: Budget | None
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    ingest(lake, shop, shards, parts=parts, budget=budget)
    assert said(lake) == [
        ("Left out: a file that is no Parquet file", 1, False),
        ("Left out: a row of the shard '0.parquet' without a label.", 2, False),
        ("Left out: a row of the shard '1.parquet' without a label.", 2, False),
        ("Left out: a file whose name ends in '.svg'", 1, False),
        ("The folder 'test9' may name a published split", 1, True),
    ]
    summary = json.loads((lake.version_path(assemble(lake, today=date(2026, 11, 2))) / "summary.json").read_text())
    assert summary["remarks"] == read_notes(lake)


def test_later_runs_replace_what_was_said_and_keep_what_was_not_opened_again(
    tmp_path: Path, shop: Path, shards: Path
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    ingest(lake, shop, shards, parts=2)
    before = said(lake)
    (shards / "README.md").unlink()
    (shop / "ai" / "drawing.svg").rename(shop / "ai" / "drawing.tiff.bak")
    for root, path in ((shop, "real/new.png"), (shards, "2.parquet")):
        image = next(many(1, start=90 if root == shop else 91))
        if path.endswith(".png"):
            (root / path).write_bytes(image.data)
        else:
            pq.write_table(pa.table({"image": [{"bytes": image.data}], "label": ["ai"]}), root / path)
    ingest(lake, shop, shards, parts=2, days=1)
    assert said(lake) == [*before[1:3], ("Left out: a file whose name ends in '.bak'", 1, False), before[4]]
    (shop / "real" / "new2.png").write_bytes(next(many(1, start=92)).data)
    ingest(lake, shop, shards, parts=1, days=2)
    assert said(lake) == [*before[1:3], ("Left out: a file whose name ends in '.bak'", 1, False), before[4]]
