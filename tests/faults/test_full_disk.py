"""A disk that is full at any one change that an ingestion makes, and has room again for the next run."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from great_expectations.expectations.expectation import Expectation

import expectations.manifest as validation
from expectations.examine import Examination, examine
from expectations.manifest import validate
from expectations.policy import Policy
from filling_disk import PROTOCOL, ROOM, register
from model.errors import StorageFull
from model.fingerprint import fingerprint
from model.ingest import assemble, collect, publish
from model.lake import Lake
from model.manifest import read_candidates, read_manifest
from model_images import NOW, many

OLD, NEW = 24, 6
"""Images of the version that is published before, and those that come to it."""

FEWEST_CHANGES, MOST_CHANGES = 3, 200
TODAY = date(2026, 11, 2)
ASKED: dict[tuple[str, str, int], Examination] = {}


@pytest.fixture(autouse=True)
def rules_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations takes seconds, finds the same each time, and writes nothing itself."""

    def remember(suite: str, table: pd.DataFrame, rules: list[Expectation], *, run: str) -> Examination:
        key = (suite, run, len(table))
        return ASKED.get(key) or ASKED.setdefault(key, examine(suite, table, rules, run=run))

    monkeypatch.setattr(validation, "examine", remember)


@pytest.fixture(autouse=True)
def disk() -> Iterator[None]:
    register()
    ROOM.reset()
    yield
    ROOM.reset()


def step_collect(lake: Lake, images: int) -> None:
    collect(lake, many(images, format_="BMP"), now=NOW)


def step_assemble(lake: Lake, _: int) -> None:
    assemble(lake, today=TODAY)


def step_validate(lake: Lake, images: int) -> None:
    validate(lake, staged(lake, images), policy=Policy(min_images={"train": 1}))


def step_publish(lake: Lake, images: int) -> None:
    publish(lake, staged(lake, images))


STEPS: tuple[Callable[[Lake, int], object], ...] = (step_collect, step_assemble, step_validate, step_publish)


def staged(lake: Lake, images: int) -> str:
    """Find the version that is assembled of so many images, as the task before would hand it over."""
    folders = (lake.root / "datasets").iterdir()
    return next(folder.name for folder in folders if len(read_candidates(lake, folder.name)) == images)


def ingest(lake: Lake, images: int, *, since: Callable[[Lake, int], object] = step_collect) -> str:
    for step in STEPS[STEPS.index(since) :]:
        step(lake, images)
    latest = lake.latest()
    assert latest is not None
    return latest


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_nothing_half_done_shows(folder: Path, first: str) -> None:
    """The first version is the only one, and everything that counts in the lake can be read."""
    lake = Lake(str(folder))
    assert lake.versions() == [first]
    assert lake.latest() == first
    assert len(read_manifest(lake, first)) == OLD
    facts = lake.facts()
    assert len(facts) in (OLD, OLD + NEW)
    assert [fingerprint(data).sha256 for data in lake.read_images(facts)] == list(facts["sha256"])


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_full_at_any_change_leaves_the_lake_whole_and_the_next_run_completes(
    step: Callable[[Lake, int], object], tmp_path: Path
) -> None:
    before, after = Lake(str(tmp_path / "before")), Lake(str(tmp_path / "after"))
    first = ingest(before, OLD)
    shutil.copytree(str(before.root), str(after.root))
    for earlier in STEPS[: STEPS.index(step)]:
        earlier(before, OLD + NEW)
    second = ingest(after, OLD + NEW)
    wanted = files(tmp_path / "after")
    assert second != first
    for change in range(1, MOST_CHANGES):
        folder = tmp_path / f"full-at-{change}"
        shutil.copytree(str(before.root), folder)
        lake = Lake(f"{PROTOCOL}://{folder}")
        ROOM.reset(full_at=change)
        try:
            step(lake, OLD + NEW)
        except StorageFull as error:
            assert f"There is no room for '{lake.root}/" in str(error)
            assert "the disk is full" in str(error)
        else:
            break
        assert_nothing_half_done_shows(folder, first)
        ROOM.reset()
        assert ingest(lake, OLD + NEW, since=step) == second
        held = files(folder)
        assert {name: held.pop(name, b"missing") for name in wanted} == wanted
        assert len(held) <= 1
        assert all(name.startswith("batches/.staging-") for name in held)
    assert FEWEST_CHANGES <= ROOM.changes < change, f"the disk was full at change {change}, and nobody said so"
