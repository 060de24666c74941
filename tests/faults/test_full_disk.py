"""The disk is full at any one change of an ingestion, and has room again for the next run."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from great_expectations.expectations.expectation import Expectation

import expectations.dataset as validation
from expectations.policy import Policy
from expectations.runner import Examination, examine
from model.dataset.ingest import assemble, collect_part, plan, publish
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, read_manifest
from model.errors import StorageFull
from model.images.fingerprint import fingerprint
from model.pages.dataset_page import write_page
from model.sources.declaration import Source
from support.full_disk import PROTOCOL, ROOM, register
from support.small_images import NOW, many

OLD, NEW = 24, 6
"""Images of the version published before, and new images, of which the last is broken."""

FEWEST_CHANGES, MOST_CHANGES = 3, 200
TODAY = date(2026, 11, 2)
ASKED: dict[tuple[str, str, int], Examination] = {}


@pytest.fixture(autouse=True)
def rules_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run Great Expectations once: it takes seconds, always finds the same, and writes nothing."""

    def remember(suite: str, table: pd.DataFrame, rules: list[Expectation], *, run: str) -> Examination:
        key = (suite, run, len(table))
        return ASKED.get(key) or ASKED.setdefault(key, examine(suite, table, rules, run=run))

    monkeypatch.setattr(validation, "examine", remember)


@pytest.fixture(autouse=True)
def few_images_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "Policy", lambda: Policy(min_images={"train": 1}))


@pytest.fixture(autouse=True)
def page_without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no pictures: drawing takes a second and writes nothing."""
    monkeypatch.setattr("model.pages.dataset_page._draw", lambda _, version: f"the page of {version}")


@pytest.fixture(autouse=True)
def disk() -> Iterator[None]:
    register()
    ROOM.reset()
    yield
    ROOM.reset()


def step_collect(lake: Lake, source: Path) -> None:
    now = NOW if lake.latest() is None else NOW + timedelta(days=14)
    for part in plan(lake, [Source(location=str(source))], parts=1):
        collect_part(lake, part, now=now)


def step_assemble(lake: Lake, _: Path) -> None:
    assemble(lake, today=TODAY)


def step_validate(lake: Lake, source: Path) -> None:
    version = staged(lake, source)
    try:
        validation.validate(lake, version)
    finally:
        write_page(lake, version)


def step_publish(lake: Lake, source: Path) -> None:
    publish(lake, staged(lake, source))


Step = Callable[[Lake, Path], object]
STEPS: tuple[Step, ...] = (step_collect, step_assemble, step_validate, step_publish)


def staged(lake: Lake, source: Path) -> str:
    """Return the version assembled of so many images, as the task before passes it on."""
    images = len(list(source.rglob("*.bmp")))
    folders = (lake.root / "datasets").iterdir()
    return next(folder.name for folder in folders if len(read_candidates(lake, folder.name)) == images)


def ingest(lake: Lake, source: Path, *, since: Step = step_collect) -> str:
    for step in STEPS[STEPS.index(since) :]:
        step(lake, source)
    latest = lake.latest()
    assert latest is not None
    return latest


def write_source(folder: Path, images: int, *, start: int = 0) -> Path:
    for image in many(images, start=start, format_="BMP"):
        (folder / image.label).mkdir(parents=True, exist_ok=True)
        (folder / image.label / image.origin).write_bytes(image.data)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Read a lake's files, except what it remembers: what was read (names are random), and sums of files by time."""
    remembered = (folder / "seen", *folder.glob("batches/*/sums.json"))
    paths = (path for path in folder.rglob("*") if path.is_file() and not {path, path.parent} & set(remembered))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def assert_nothing_half_done_shows(folder: Path, first: str) -> None:
    """Check that the first version is the only one, and that all published files of the lake can be read."""
    lake = Lake(str(folder))
    assert lake.versions() == [first]
    assert lake.latest() == first
    assert len(read_manifest(lake, first)) == OLD
    facts = lake.facts()
    assert len(facts) in (OLD, OLD + NEW)
    kept = facts[facts["decode_error"].isna()]  # images that cannot be decoded have no bytes
    assert [fingerprint(data).sha256 for data in lake.read_images(kept)] == list(kept["sha256"])


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_full_at_any_change_leaves_the_lake_whole_and_the_next_run_completes(step: Step, tmp_path: Path) -> None:
    source = tmp_path / "source"
    before, after = Lake(str(tmp_path / "before")), Lake(str(tmp_path / "after"))
    first = ingest(before, write_source(source, OLD))
    write_source(source, NEW - 1, start=OLD)
    (source / "ai" / "broken.bmp").write_bytes(b"no image, so that something is put into quarantine")
    shutil.copytree(str(before.root), str(after.root))
    for earlier in STEPS[: STEPS.index(step)]:
        earlier(before, source)
    second = ingest(after, source)
    wanted = files(tmp_path / "after")
    assert f"quarantine/{second}/rows.parquet" in wanted
    assert second != first
    for change in range(1, MOST_CHANGES):
        folder = tmp_path / f"full-at-{change}"
        shutil.copytree(str(before.root), folder)
        lake = Lake(f"{PROTOCOL}://{folder}")
        ROOM.reset(full_at=change)
        try:
            step(lake, source)
        except StorageFull as error:
            assert f"There is no room for '{lake.root}/" in str(error)
            assert "the disk is full" in str(error)
        else:
            break
        assert_nothing_half_done_shows(folder, first)
        ROOM.reset()
        assert ingest(lake, source, since=step) == second
        assert plan(lake, [Source(location=str(source))], parts=1) == []
        held = files(folder)
        assert {name: held.pop(name, b"missing") for name in wanted} == wanted
        assert len(held) <= 1
        assert all(name.startswith("batches/.staging-") for name in held)
    assert FEWEST_CHANGES <= ROOM.changes < change, f"the disk was full at change {change}, and nobody said so"
