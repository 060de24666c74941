"""Sources on stores that fail now and then: S3 behind a door that cuts connections, and the hub."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from werkzeug import Response

from model.dataset.contained.budget import Budget
from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.lake import Lake
from model.errors import SourceError
from model.sources.declaration import Source
from support.hub import Hub, running_hub
from support.small_images import NOW, labelled, many
from truegrain_rig.cut_connections import is_fetch
from truegrain_rig.environment import environment
from truegrain_rig.s3_server import Store, running_s3

IMAGES = 40
TODAY = date(2026, 11, 30)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An S3 server that cuts every tenth answer."""
    with running_s3(tmp_path_factory.mktemp("s3"), cut_every=10) as store, environment(**store.environment):
        yield store


def ingest(
    lake: Lake, location: str, *, parts: int = 1, days: int = 0, budget: Budget | None = None
) -> tuple[int, str]:
    """Ingest a source; return how many images were read, and the version."""
    read = 0
    for part in plan(lake, [Source(location=location)], parts=parts, budget=budget):
        collected = collect_part(lake, part, now=NOW + timedelta(days=days), budget=budget)
        read += collected.added + collected.known
    return read, assemble(lake, today=TODAY)


def test_a_store_that_cuts_connections_gives_the_version_of_the_disk(store: Store, tmp_path: Path) -> None:
    day = tmp_path / "shop" / "2026-11-29"
    for image in many(IMAGES):
        path = day / image.label / image.origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    store.put(tmp_path / "shop")
    _, here = ingest(Lake(f"{tmp_path}/here"), str(tmp_path / "shop"))
    lake, before = Lake(f"{tmp_path}/there"), store.door.cuts
    assert ingest(lake, f"{store.url}/shop", parts=2, budget=Budget()) == (IMAGES, here)
    assert store.door.cuts - before >= IMAGES // 10
    lists = [line for line in store.door.requests if "list-type" in line]
    assert len(lists) == len(set(lists)) == 5, lists  # what `shop` is, and each of four folders once

    for image in many(4, start=IMAGES):
        store.put_bytes(f"shop/2026-11-30/{image.label}/{image.origin}", image.data)
    asked = len(store.door.requests)
    assert ingest(lake, f"{store.url}/shop", days=1, budget=Budget())[0] == 4
    assert len({line for line in store.door.requests[asked:] if is_fetch(line)}) == 4


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("variables", "location", "refusal"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "s3://incoming/shop", r"credentials"),
        ({}, "s3://nobodys-bucket/shop", r"nobodys-bucket/shop' does not exist"),
    ],
)
def test_a_store_that_refuses_is_named(tmp_path: Path, variables: dict[str, str], location: str, refusal: str) -> None:
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere"}
    nowhere |= {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    with environment(**variables, **nowhere), pytest.raises(SourceError, match=refusal):
        plan(Lake(f"{tmp_path}/lake"), [Source(location=location)], parts=1, budget=Budget())


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN_PATH", "/nowhere")
        yield hub


def shard(start: int) -> bytes:
    images = [labelled(number, "real" if number % 2 else "ai") for number in range(start, start + 4)]
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table({"image": [{"bytes": image.data} for image in images], "label": [image.label for image in images]}),
        sink,
    )
    return bytes(sink.getvalue())


def test_only_new_shards_of_a_data_set_are_read(hub: Hub, tmp_path: Path) -> None:
    lake, location = Lake(f"{tmp_path}/lake"), "hf://datasets/lab/pictures"
    first = {"data/train-00000-of-00002.parquet": shard(0), "data/train-00001-of-00002.parquet": shard(4)}
    old = hub.commit("lab/pictures", first)
    assert ingest(lake, location, budget=Budget())[0] == 8
    new = hub.commit("lab/pictures", first | {"data/train-00002.parquet": shard(8), "README.md": b"new words"})
    hub.asked.clear()
    assert ingest(lake, location, days=1, budget=Budget())[0] == 4
    assert dict(lake.facts()["revision"].value_counts()) == {old: 8, new: 4}
    # Planning and collecting look at the end of the first shard, which tells the kind of the source.
    assert hub.reads("train-00000-of-00002.parquet") <= 2
    assert hub.reads("train-00001-of-00002.parquet") == 0
    hub.commit("lab/pictures", first | {"data/train-00002.parquet": shard(8), "README.md": b"newer words"})
    assert ingest(lake, location, days=2, budget=Budget())[0] == 0


def test_what_breaks_off_publishes_nothing_and_is_read_on_later(hub: Hub, tmp_path: Path) -> None:
    lake, location = Lake(f"{tmp_path}/lake"), "hf://datasets/lab/pictures"
    files = {f"{'real' if number % 2 else 'ai'}/{number}.png": labelled(number, "ai").data for number in range(8)}
    hub.commit("lab/pictures", files)
    hub.fail("real/7.png", *[Response(status=429, headers={"Retry-After": "3600"})] * 9)
    with pytest.raises(SourceError, match=r"real/7\.png' limits how often it is asked"):
        ingest(lake, location, parts=2, budget=Budget())
    assert lake.versions() == []
    kept = len(lake.facts())
    assert 0 < kept < 8  # the first part; the second broke off
    hub.faults.clear()
    assert ingest(lake, location, parts=2, budget=Budget())[0] == 8 - kept
    assert len(lake.facts()) == 8
