"""A store is listed once: by the plan, which writes a listing that the parts read."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from model.dataset import listing
from model.dataset.contained.budget import Budget
from model.dataset.ingest import Collected, assemble, collect_part, plan
from model.dataset.ingest_parts import Part
from model.dataset.lake import Lake
from model.dataset.listing import Found, ListingWriter, Slice, listings, open_slice
from model.errors import DatasetError, SourceError
from model.sources.declaration import Source
from model.sources.entries import Facts, ImageFile, Listed
from model.sources.remarks import Remark
from support.small_images import NOW, many
from truegrain_rig.cut_connections import is_fetch
from truegrain_rig.environment import environment
from truegrain_rig.s3_server import Store, running_s3

TODAY = date(2026, 11, 30)
LATER = NOW + timedelta(days=14)
SOURCE = Source(location="s3://bucket/shop")
NEW = Found(new=True, listed=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_s3(tmp_path_factory.mktemp("s3"), cut_every=1_000) as store, environment(**store.environment):
        yield store


@pytest.fixture
def shop(server: Store, request: pytest.FixtureRequest) -> str:
    """The name of a folder of twelve images in the bucket, which no other test knows."""
    name = f"shop-{abs(hash(request.node.name))}"
    for image in many(12):
        server.put_bytes(f"{name}/{image.label}/{image.origin}", image.data)
    return name


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"{tmp_path}/lake")


def planned(lake: Lake, server: Store, shop: str, *, parts: int = 2, budget: Budget | None = None) -> list[Part]:
    return plan(lake, [Source(location=f"{server.url}/{shop}")], parts=parts, budget=budget)


def collected(lake: Lake, parts: list[Part], *, now=NOW, budget: Budget | None = None) -> list[Collected]:
    return [collect_part(lake, part, now=now, budget=budget) for part in parts]


def listing_of(lake: Lake) -> Path:
    (path,) = Path(str(listings(lake))).glob("*/*.parquet")
    return path


@pytest.mark.parametrize("budget", [None, Budget()])
def test_parts_ask_a_store_only_for_their_images(lake: Lake, server: Store, shop: str, budget: Budget | None) -> None:
    parts = planned(lake, server, shop, budget=budget)
    asked = len(server.door.requests)
    assert sum(each.added for each in collected(lake, parts, budget=budget)) == 12
    requests = server.door.requests[asked:]
    assert all(map(is_fetch, requests)), requests
    assert len(requests) == 12


@pytest.mark.parametrize("budget", [None, Budget()])
def test_files_that_changed_or_went_since_the_plan_are_counted_with_the_reason(
    lake: Lake, server: Store, shop: str, budget: Budget | None
) -> None:
    parts = planned(lake, server, shop, budget=budget)
    (new,) = many(1, start=50)
    server.file_system().rm(f"incoming/{shop}/ai/0.png")
    server.put_bytes(f"{shop}/real/1.png", new.data)
    with capture_logs() as logs:
        found = collected(lake, parts, budget=budget)
    assert (sum(each.added for each in found), sum(each.unread for each in found)) == (10, 2)
    unread = {log["path"]: log["reason"] for log in logs if log["event"] == "file_not_read"}
    assert unread == {
        "ai/0.png": "it is gone since its folder was listed",
        "real/1.png": "it has changed since its folder was listed",
    }
    again = planned(lake, server, shop, budget=budget)
    assert [each.added for each in collected(lake, again, now=LATER, budget=budget)].count(1) == 1
    assert len(lake.facts()) == 11


def test_a_part_that_broke_off_goes_on_with_the_same_listing(lake: Lake, server: Store, shop: str) -> None:
    first, second = planned(lake, server, shop)
    (late,) = many(1, start=60)
    collected(lake, [first])
    server.put_bytes(f"{shop}/ai/{late.origin}", late.data)
    once = collected(lake, [second])
    listed = sum("list-type" in line for line in server.door.requests)
    # The same part once more, as after a worker that died before it remembered what it read.
    for seen in (lake.root / "seen").glob("*"):
        seen.unlink()
    assert collected(lake, [second]) == once
    assert sum("list-type" in line for line in server.door.requests) == listed
    assert len(lake.facts()) == 12


def test_listings_go_with_the_version_and_a_part_repeated_later_lists_the_source(
    lake: Lake, server: Store, shop: str
) -> None:
    parts = planned(lake, server, shop)
    collected(lake, parts)
    assert listing_of(lake).is_file()
    assemble(lake, today=TODAY)
    assert not listings(lake).exists()
    (late,) = many(1, start=70)
    server.put_bytes(f"{shop}/ai/{late.origin}", late.data)
    assert sum(each.added for each in collected(lake, parts, now=LATER)) == 1


def test_only_new_files_are_in_a_listing_and_nothing_new_leaves_none(lake: Lake, server: Store, shop: str) -> None:
    collected(lake, planned(lake, server, shop))
    assemble(lake, today=TODAY)
    assert planned(lake, server, shop) == []
    assert not listings(lake).exists()
    for image in many(3, start=80):
        server.put_bytes(f"{shop}/{image.label}/{image.origin}", image.data)
    parts = planned(lake, server, shop)
    slices = [slice_of(lake, part) for part in parts]
    assert sorted(file.path for each in slices for file in each.files()) == ["ai/80.png", "ai/82.png", "real/81.png"]


def test_a_folder_that_holds_more_than_images_is_listed_by_each_part(
    lake: Lake, server: Store, shop: str, tmp_path: Path
) -> None:
    (tmp_path / "more" / "ai").mkdir(parents=True)
    (image,) = many(1, start=90)
    (tmp_path / "more" / "ai" / image.origin).write_bytes(image.data)
    packed = Path(shutil.make_archive(f"{tmp_path}/more", "zip", tmp_path / "more"))
    server.put_bytes(f"{shop}/more.zip", packed.read_bytes())
    parts = planned(lake, server, shop)
    assert not listings(lake).exists()
    assert sum(each.added for each in collected(lake, parts)) == 13


def test_a_table_on_a_store_labels_the_images_without_being_read_by_the_parts(
    lake: Lake, server: Store, tmp_path: Path
) -> None:
    images = list(many(6))
    table = "\n".join(["name,label,generator", *(f"./a/{i.origin},{i.label},{i.generator or ''}" for i in images)])
    (tmp_path / "listed" / "a").mkdir(parents=True)
    (tmp_path / "listed" / "all.csv").write_text(table)
    for image in images:
        (tmp_path / "listed" / "a" / image.origin).write_bytes(image.data)
    server.put(tmp_path / "listed")
    here = Lake(f"{tmp_path}/here")
    collected(here, plan(here, [Source(location=f"{tmp_path}/listed")], parts=1))
    parts = planned(lake, server, "listed")
    asked = len(server.door.requests)
    collected(lake, parts)
    assert not [line for line in server.door.requests[asked:] if "all.csv" in line]
    assert assemble(lake, today=TODAY) == assemble(here, today=TODAY)


def test_a_plan_that_breaks_off_leaves_no_listing(lake: Lake, server: Store, shop: str) -> None:
    sources = [Source(location=f"{server.url}/{name}") for name in (shop, "nothing-of-the-kind")]
    with pytest.raises(SourceError, match="nothing-of-the-kind' does not exist"):
        plan(lake, sources, parts=1)
    assert not any(listings(lake).glob("*"))


def slice_of(lake: Lake, part: Part) -> Slice:
    found = open_slice(listings(lake), part.sources[0], plan=part.plan, number=part.number, parts=part.of)
    assert found is not None
    return found


@pytest.mark.parametrize("budget", [None, Budget()])
@pytest.mark.parametrize("left", [0, 4, 200, -1])
def test_a_listing_that_is_cut_off_is_refused(
    lake: Lake, server: Store, shop: str, left: int, budget: Budget | None
) -> None:
    (part, *_) = planned(lake, server, shop)
    path = listing_of(lake)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DatasetError, match=rf"listing '.*{path.name}' cannot be read: .*Run the task `plan` again"):
        collected(lake, [part], budget=budget)
    assert lake.batches() == []


@pytest.mark.parametrize("budget", [None, Budget()])
def test_a_listing_of_another_plan_is_refused(lake: Lake, server: Store, shop: str, budget: Budget | None) -> None:
    (part, *_) = planned(lake, server, shop)
    path = listing_of(lake)
    other = "f" * 32
    path.parent.rename(path.parent.with_name(other))
    with pytest.raises(DatasetError, match=rf"is of the plan '{part.plan}' with 2 parts, not of the plan '{other}'"):
        collected(lake, [replace(part, plan=other)], budget=budget)
    path.parent.with_name(other).rename(path.parent)
    with pytest.raises(DatasetError, match=r"with 2 parts, not of the plan .* with 3 parts"):
        collected(lake, [replace(part, of=3)], budget=budget)


def file(number: int) -> ImageFile:
    listed = Listed(f"bucket/shop/{number}.png", number, f'"{number:x}"', f'{number}-"{number:x}"')
    return ImageFile(f"{number}.png", listed, "shop", Facts("ai", generator="é"), ("ai", "é"))


@pytest.mark.parametrize("held", [1, 7, 1_000])
@pytest.mark.parametrize("parts", [1, 3, 50])
def test_slices_hold_each_file_once_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int, parts: int
) -> None:
    monkeypatch.setattr(listing, "_HELD", held)
    lake, files = Lake(str(tmp_path)), [file(number) for number in range(100)]
    writer = ListingWriter(listings(lake), plan="p", parts=parts)
    for each in files:
        writer.add(SOURCE, each)
    remark = Remark("Left out: a text.", 3, ("a.txt",), warns=True)
    writer.end(SOURCE, replace(NEW, remarks=(remark,)))
    found = []
    for number in range(1, parts + 1):
        mine = open_slice(listings(lake), SOURCE, plan="p", number=number, parts=parts)
        assert mine is not None
        assert mine.remarks == (remark,)
        of_part = list(mine.files())
        assert of_part == sorted(of_part, key=files.index)
        found += of_part
    assert sorted(found, key=files.index) == files


def test_a_source_that_turns_out_to_be_no_list_of_files_leaves_no_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_HELD", 2)
    lake = Lake(str(tmp_path))
    writer = ListingWriter(listings(lake), plan="p", parts=2)
    for number in range(5):
        writer.add(SOURCE, file(number))
    writer.end(SOURCE, replace(NEW, listed=False))
    other = replace(SOURCE, location="s3://bucket/other")
    writer.add(other, file(9))
    writer.end(other, NEW)
    assert open_slice(listings(lake), SOURCE, plan="p", number=1, parts=2) is None
    slices = [open_slice(listings(lake), other, plan="p", number=number, parts=2) for number in (1, 2)]
    assert [file for each in slices if each for file in each.files()] == [file(9)]
