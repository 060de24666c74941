"""An erasure killed at any of its changes leaves a readable lake, and the next erasure completes it."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.dataset.shards import ERASED
from model.dataset.tombstones import read_tombstones, withdraw
from model.pages.dataset_page import write_page
from model.privacy.forgetting import eraser_of
from model.settings import Settings
from support.small_images import NOW, collect, labelled, many, publish
from support.traces import find_traces
from support.user_reports import say, write_said

MOST_CHANGES = 24
GONE, TWIN = labelled(0, "ai"), labelled(0, "ai", format_="BMP")
SHA256 = hashlib.sha256(GONE.data).hexdigest()
SCRIPT = Path(__file__).with_name("erase_and_die.py")


class NoRuns:
    """A registry without runs."""

    def runs(self) -> Iterator[object]:
        return iter(())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A published version with page, cache, report and a second batch; each holds an image that must be erased."""
    home = tmp_path / "home"
    settings = Settings(home=home)
    lake = Lake(settings.lake_url)
    version = publish(lake, many(20))
    write_page(lake, version)
    collect(lake, [TWIN], now=datetime.now(UTC))
    write_said(lake.root, say("ada"), GONE.data)
    (lake.root / "feedback" / "review.html").write_text(f"{SHA256} {GONE.data.hex()}")
    (home / "cache").mkdir()
    (home / "cache" / f"{version}-train-32.npy").write_bytes(GONE.data)
    withdraw(lake, [SHA256], lock=settings.reports_lock, reason="its author asked", now=NOW, erase=True)
    return home


def assert_readable(lake: Lake) -> None:
    """Check that each row of the published version has its bytes, and each row of a batch has them or was erased."""
    (version,) = lake.versions()
    manifest = read_manifest(lake, version)
    assert len(manifest) in (19, 20)
    facts = lake.facts()
    assert len(facts) == 21
    for rows in (manifest, facts[facts["decode_error"] != ERASED]):
        assert [hashlib.sha256(data).hexdigest() for data in lake.read_images(rows)] == list(rows["sha256"])


@pytest.mark.usefixtures("without_plots")
def test_an_erasure_killed_at_any_change_is_completed_by_the_next(home: Path, tmp_path: Path) -> None:
    homes = [tmp_path / f"killed-at-{change}" for change in range(1, MOST_CHANGES + 1)]
    for copy in homes:
        shutil.copytree(home, copy)
    command = [sys.executable, str(SCRIPT), *map(str, homes)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    statuses = json.loads(told.splitlines()[-1])
    kills = statuses.count(-signal.SIGKILL)
    assert statuses == [-signal.SIGKILL] * kills + [0] * (MOST_CHANGES - kills)
    assert kills >= 10, "so many files change"
    left = []
    for copy, status in zip(homes, statuses, strict=True):
        settings = Settings(home=copy)
        lake = Lake(settings.lake_url)
        assert_readable(lake)
        left.append(bool(find_traces(copy, [GONE.data, TWIN.data])))
        eraser = replace(eraser_of(settings), registry=NoRuns)  # type: ignore[arg-type]
        done = eraser.erase(now=datetime.now(UTC))
        assert (done is None) == (status == 0)
        assert_readable(lake)
        assert find_traces(copy, [GONE.data, TWIN.data, SHA256.encode() + b"</code>"]) == []
        assert read_tombstones(lake)["erased_at"].notna().tolist() == [True]
        assert eraser.erase(now=datetime.now(UTC)) is None
    assert left[0]
    assert not left[-1]
