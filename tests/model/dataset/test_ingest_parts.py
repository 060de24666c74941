"""Sources in parts: what is read and remembered does not depend on the number of parts."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from model.dataset import finding_new, ingest, ingest_parts, intake
from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.ingest_parts import Part
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates
from model.errors import SourceError
from model.sources import archive, folder
from model.sources import location as place
from model.sources.declaration import Source, as_declared
from model.sources.entries import Container
from model.sources.labelled_image import LabelledImage
from support.small_images import NOW, labelled, many

TODAY = date(2026, 11, 2)
LATER = NOW + timedelta(days=14)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder of forty images of two classes."""
    root = tmp_path / "shop"
    for image in many(40):
        path = root / image.label / image.origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    return root


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that collects the origins of all images read from now on."""
    taken: list[str] = []

    def count(image: LabelledImage, source: Source) -> LabelledImage:
        taken.append((found := as_declared(image, source)).origin)
        return found

    monkeypatch.setattr(ingest_parts, "as_declared", count)
    return taken


def ingest_all(lake: Lake, *locations: str | Source, parts: int = 2, now=NOW) -> int:
    """Collect every part of some sources, as the tasks of a run do; return how many images were added."""
    sources = [place if isinstance(place, Source) else Source(location=place) for place in locations]
    planned = [json.loads(json.dumps(asdict(part))) for part in plan(lake, sources, parts=parts)]
    return sum(collect_part(lake, Part(**part), now=now).added for part in planned)


def hashes(lake: Lake) -> list[str]:
    return sorted(set(lake.facts()["sha256"]))


def pack(root: Path, kind: str) -> str:
    """Turn a folder of classes into a source of another kind, and return its address."""
    if kind == "folder":
        return str(root)
    if kind == "csv":
        lines = [f"{path.name},{path.parent.name}" for path in sorted(root.rglob("*.png"))]
        target = root.with_name("listed")
        target.mkdir()
        for path in root.rglob("*.png"):
            shutil.copy2(path, target)
        (target / "all.csv").write_text("\n".join(["name,label", *lines]))
        return str(target)
    if kind == "parquet":
        paths = sorted(root.rglob("*.png"))
        table = {"image": [{"bytes": path.read_bytes()} for path in paths], "label": [p.parent.name for p in paths]}
        pq.write_table(pa.table(table), root.with_suffix(".parquet"), row_group_size=4)
        return str(root.with_suffix(".parquet"))
    return shutil.make_archive(str(root), kind, root)


def test_a_part_survives_json() -> None:
    part = Part(2, 3, (Source(location="a", generator="b"), Source(location="c", neutralise=True)), plan="f00")
    assert Part(**json.loads(json.dumps(asdict(part)))) == part
    assert str(part) == "part 2 of 3"


def test_a_part_is_shown_without_secrets_and_gets_them_back_from_the_sources() -> None:
    sources = (
        Source(location="csv:https://u:p@host/x?sig=1", name="a"),
        Source(location="/data/…"),
        Source(location="b"),
    )
    part = Part(1, 1, sources)
    shown = part.without_secrets()
    assert [source.location for source in shown.sources] == ["csv:https://…@host/x?…", "/data/…", "b"]
    assert shown.lacks_secrets
    assert shown.with_secrets(sources) == part
    with pytest.raises(SourceError, match=r"'csv:https://…@host/x\?…' was planned.*Plan again"):
        shown.with_secrets(sources[1:])
    assert not Part(1, 1, sources[2:]).without_secrets().lacks_secrets


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "gztar", "csv", "parquet"])
@pytest.mark.parametrize("parts", [2, 3, 5])
def test_the_number_of_parts_makes_no_difference(shop: Path, tmp_path: Path, kind: str, parts: int) -> None:
    shutil.copy(shop / "ai" / "0.png", shop / "ai" / "twin.png")
    location = pack(shop, kind)
    one, several = Lake(str(tmp_path / "one")), Lake(str(tmp_path / "several"))
    assert ingest_all(one, location, parts=1) == 40
    ingest_all(several, location, parts=parts)
    assert hashes(several) == hashes(one)
    assert assemble(several, today=TODAY) == assemble(one, today=TODAY)
    assert 1 < len(several.batches()) <= parts


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["a", "b"]), st.sampled_from(["", "train", "test"]),
                             st.sampled_from(["ai", "real"])), min_size=1, max_size=14),
    parts=st.integers(1, 5),
)  # fmt: skip
def test_whatever_twins_there_are_the_version_is_that_of_one_part(tmp_path_factory, files, parts: int) -> None:
    home = tmp_path_factory.mktemp("twins")
    for number, (picture, source, split, label) in enumerate(files):
        path = home / source / split / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(labelled(picture, "real").data)
    sources = [Source(location=str(home / name), generator=name) for name in ("a", "b") if (home / name).exists()]
    lakes = {count: Lake(str(home / f"lake-{count}")) for count in {1, parts}}
    for count, lake in lakes.items():
        ingest_all(lake, *sources, parts=count)
    assert hashes(lakes[parts]) == hashes(lakes[1])
    assert assemble(lakes[parts], today=TODAY) == assemble(lakes[1], today=TODAY)


def test_no_part_reads_what_is_anothers(lake: Lake, shop: Path, reads: list[str]) -> None:
    for part in plan(lake, [Source(location=str(shop))], parts=3):
        reads.append(str(part))
        collect_part(lake, part, now=NOW)
    origins = [origin for origin in reads if not origin.startswith("part")]
    assert len(origins) == len(set(origins)) == 40
    shares = [reads.index(f"part {number} of 3") for number in (1, 2, 3)]
    assert shares[0] + 1 < shares[1] < shares[2] - 1 < len(reads) - 2


def test_the_built_in_images_are_divided_too(lake: Lake) -> None:
    assert ingest_all(lake, "synthetic?images=12&size=32", parts=3) == 12
    assert len(lake.batches()) == 3


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "gztar", "csv", "parquet"])
def test_a_second_run_plans_nothing_and_opens_nothing(
    lake: Lake, shop: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = pack(shop, kind)
    assert ingest_all(lake, location) == 40

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(archive, "open_archive", refuse)
    monkeypatch.setattr(place.Location, "open", refuse)
    if kind == "folder":
        monkeypatch.setattr(folder, "_open_local", refuse)
    assert plan(lake, [Source(location=location)], parts=2) == []


def test_of_a_table_and_its_images_only_the_table_is_opened_again(
    lake: Lake, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = pack(shop, "csv")
    ingest_all(lake, location)
    opened: list[tuple[Path, str]] = []
    open_local = folder._open_local
    monkeypatch.setattr(folder, "_open_local", lambda *path: (opened.append(path), open_local(*path))[1])
    assert plan(lake, [Source(location=location)], parts=2) == []
    assert opened == [(Path(location), "all.csv")]


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "csv", "parquet"])
def test_only_the_new_image_is_read(lake: Lake, shop: Path, reads: list[str], kind: str) -> None:
    ingest_all(lake, pack(shop, kind))
    new = labelled(100, "ai")
    (shop / "ai" / "new.png").write_bytes(new.data)
    if kind == "csv":
        shutil.rmtree(shop.with_name("listed"))
    reads.clear()
    assert ingest_all(lake, pack(shop, kind), now=LATER) == 1
    # A rewritten shard has only its own stamps.
    assert len(reads) == (41 if kind == "parquet" else 1)


def test_a_changed_file_is_read_again(lake: Lake, shop: Path, reads: list[str]) -> None:
    ingest_all(lake, str(shop))
    (shop / "ai" / "0.png").write_bytes(labelled(101, "ai").data)
    reads.clear()
    assert ingest_all(lake, str(shop), now=LATER) == 1
    assert reads == ["ai/0.png"]


def test_a_table_that_changes_its_mind_has_the_image_read_again(lake: Lake, shop: Path, reads: list[str]) -> None:
    location = pack(shop, "csv")
    ingest_all(lake, location)
    table = Path(location) / "all.csv"
    table.write_text(table.read_text().replace("\n3.png,real", "\n3.png,ai"))
    reads.clear()
    ingest_all(lake, location, now=LATER)
    assert reads == ["3.png"]


@pytest.mark.parametrize("change", [{"generator": "sdv4"}, {"licence": "theirs"}, {"name": "shoes"}])
def test_what_is_only_noted_of_an_image_is_no_reason_to_read_it_again(
    lake: Lake, shop: Path, reads: list[str], change: dict[str, str]
) -> None:
    source = Source(location=str(shop), licence="ours")
    ingest_all(lake, source)
    reads.clear()
    ingest_all(lake, replace(source, **change), now=LATER)
    assert reads == []


def test_a_source_that_is_neutralised_later_is_read_again_and_takes_the_place_of_what_it_was(
    lake: Lake, shop: Path, reads: list[str]
) -> None:
    source = Source(location=str(shop))
    ingest_all(lake, source)
    before = read_candidates(lake, assemble(lake, today=TODAY))
    reads.clear()
    ingest_all(lake, replace(source, neutralise=True), now=LATER)
    after = read_candidates(lake, assemble(lake, today=TODAY))
    assert len(reads) == len(before) == len(after)
    assert sorted(after["origin"].str.rpartition("/")[0]) == sorted(before["origin"])
    assert set(after["format"]) == {"JPEG"}


def test_a_server_is_asked_for_the_stamp_of_a_container_once_whatever_the_parts() -> None:
    asked: list[str] = []

    def stamp() -> str:
        asked.append("stamp")
        return "1"

    source, shard = Source(location="hub"), Container("a.parquet", lambda: iter(()), stamp)
    assert len({*finding_new._keys(source, shard, 5)}) == 5
    assert asked == ["stamp"]


def test_no_file_name_takes_the_place_of_another_s_image(lake: Lake, shop: Path, tmp_path: Path) -> None:
    ingest_all(lake, Source(location=str(shop)))
    before = read_candidates(lake, assemble(lake, today=TODAY))
    data = labelled(100, "ai").data
    for number, victim in enumerate(before["origin"][:2]):
        name = (hashlib.sha256(data).hexdigest() if number else "0" * 64)[:16]
        forged = tmp_path / "other" / "shop" / victim / f"{name}.jpg"
        forged.parent.mkdir(parents=True)
        forged.write_bytes(data if number else labelled(101, "ai").data)
    ingest_all(lake, Source(location=str(tmp_path / "other" / "shop")), now=LATER)
    after = read_candidates(lake, assemble(lake, today=TODAY))
    assert set(before["origin"]) < set(after["origin"])
    assert len(after) == len(before) + 2


def test_each_source_has_a_batch_of_its_own(lake: Lake, shop: Path, tmp_path: Path) -> None:
    other = shutil.copytree(shop, tmp_path / "other")
    for path in other.rglob("*.png"):
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)
    sources = [Source(location=str(shop)), Source(location=str(other))]
    for part in plan(lake, sources, parts=2):
        collect_part(lake, part, now=NOW)
    assert set(lake.facts().groupby("batch")["source"].nunique()) == {1}
    assert len(lake.batches()) == 4


def test_an_image_without_a_stamp_is_read_each_time_and_adds_nothing(
    lake: Lake, tmp_path: Path, reads: list[str]
) -> None:
    with tarfile.open(tmp_path / "shop.tar", "w") as packed:
        for image in many(6):
            info = tarfile.TarInfo(f"{image.label}/{image.origin}")
            info.size, info.mtime = len(image.data), 0
            packed.addfile(info, io.BytesIO(image.data))
    ingest_all(lake, str(tmp_path / "shop.tar"))
    os.utime(tmp_path / "shop.tar", (1, 1))
    reads.clear()
    assert ingest_all(lake, str(tmp_path / "shop.tar"), now=LATER) == 0
    assert len(reads) == 6


def test_a_bucket_is_polled_by_what_it_says_of_its_files(lake: Lake, shop: Path, reads: list[str]) -> None:
    bucket = fsspec.filesystem("memory")
    bucket.put(str(shop), "/polled/", recursive=True)
    try:
        assert ingest_all(lake, "memory://polled") == 40
        reads.clear()
        assert plan(lake, [Source(location="memory://polled")], parts=2) == []
        bucket.pipe("/polled/real/1.png", labelled(100, "real").data)
        assert ingest_all(lake, "memory://polled", now=LATER) == 1
        assert reads == ["real/1.png"]
    finally:
        bucket.rm("/polled", recursive=True)


def test_images_of_a_batch_that_was_set_aside_are_read_again(lake: Lake, shop: Path, reads: list[str]) -> None:
    ingest_all(lake, str(shop))
    batches = lake.batches()
    lake.set_aside(batches, reason="a shortcut")
    reads.clear()
    assert ingest_all(lake, str(shop), now=LATER) == 40
    assert len(reads) == 40
    assert lake.batches() == batches


def test_images_that_were_known_from_a_batch_that_was_set_aside_are_read_again(
    lake: Lake, shop: Path, tmp_path: Path
) -> None:
    ingest_all(lake, str(shop))
    moved = shutil.copytree(shop, tmp_path / "moved")
    assert ingest_all(lake, str(moved), now=LATER) == 0
    lake.set_aside(lake.batches(), reason="a shortcut")
    assert ingest_all(lake, str(moved), now=LATER) == 40


@pytest.mark.parametrize("breaks_at", ["write_batch", "remember"])
def test_a_part_that_breaks_off_loses_nothing(
    lake: Lake, shop: Path, monkeypatch: pytest.MonkeyPatch, breaks_at: str
) -> None:
    (part,) = plan(lake, [Source(location=str(shop))], parts=1)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space"):
        broken.setattr(*((lake, "write_batch") if breaks_at == "write_batch" else (ingest, "remember")), refuse)
        collect_part(lake, part, now=NOW)
    before = lake.batches()
    assert collect_part(lake, part, now=NOW).added == 40
    assert set(before) <= set(lake.batches())
    assert len(lake.batches()) == 1
    assert plan(lake, [Source(location=str(shop))], parts=1) == []


def test_a_part_that_is_repeated_writes_no_second_batch(lake: Lake, shop: Path) -> None:
    parts = plan(lake, [Source(location=str(shop))], parts=2)
    for part in (*parts, *parts):
        collect_part(lake, part, now=NOW + timedelta(microseconds=123_456))
        shutil.rmtree(lake.root / "seen")
    assert len(lake.batches()) == 2
    assert len(read_candidates(lake, assemble(lake, today=TODAY))) == 40


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_source_without_an_image_is_an_error_among_others_too(
    lake: Lake, shop: Path, tmp_path: Path, kind: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("to do")
    with pytest.raises(SourceError, match=r"empty.* holds no image at all"):
        ingest_all(lake, str(shop), pack(empty, kind))


def test_no_reports_at_all_are_no_error(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    assert plan(lake, [Source(location=f"feedback:{tmp_path / 'reports'}")], parts=2) == []


def test_only_sources_with_something_new_are_in_a_part(lake: Lake, shop: Path, tmp_path: Path) -> None:
    ingest_all(lake, str(shop))
    other = Source(location=str(shutil.copytree(shop, tmp_path / "other")))
    parts = plan(lake, [Source(location=str(shop)), other], parts=2)
    assert [(part.number, part.of, part.sources) for part in parts] == [(1, 2, (other,)), (2, 2, (other,))]


def test_another_number_of_parts_reads_nothing_again(lake: Lake, shop: Path, reads: list[str]) -> None:
    location = pack(shop, "zip")
    ingest_all(lake, location, parts=2)
    reads.clear()
    assert ingest_all(lake, location, parts=3, now=LATER) == 0
    assert reads == []
    assert plan(lake, [Source(location=location)], parts=3) == []


def test_the_progress_names_what_was_read_and_what_is_new(
    lake: Lake, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_REPORT_EVERY", 30)
    told: list[tuple[int, int]] = []
    (part,) = plan(lake, [Source(location=str(shop))], parts=1)
    collect_part(lake, part, now=NOW, progress=lambda read, new: told.append((read, new)))
    assert told == [(30, 30), (40, 40)]
