from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from model.estimate import Estimate
from service.status.drift import SILENT, DriftStatus
from service.status.files import write_file
from service.verdicts.recent_share import LOOK_SECONDS, STALE_SECONDS, RecentShare

SHARE = Estimate(0.3, 0.25, 0.35)


def write(home: Path, *, version: str = "7", share: Estimate | None = SHARE, late: float = 0.0) -> None:
    drift = SILENT.model_copy(update={"version": version, "ai_share": share})
    status = DriftStatus(due_at=datetime.now(UTC) - timedelta(seconds=late), drift=drift)
    (home / "run").mkdir(exist_ok=True)
    write_file(home / "run" / "drift.json", status)


def test_the_share_is_that_of_the_version_and_of_a_recent_measurement(tmp_path: Path) -> None:
    assert RecentShare(tmp_path).find("7") is None
    write(tmp_path)
    assert RecentShare(tmp_path).find("7") == SHARE
    assert RecentShare(tmp_path).find("8") is None
    write(tmp_path, late=STALE_SECONDS + 60)
    assert RecentShare(tmp_path).find("7") is None
    write(tmp_path, share=None)
    assert RecentShare(tmp_path).find("7") is None


def test_the_file_is_read_again_after_a_while(tmp_path: Path) -> None:
    now = [0.0]
    recent = RecentShare(tmp_path, monotonic=lambda: now[0])
    assert recent.find("7") is None
    write(tmp_path)
    assert recent.find("7") is None
    now[0] += LOOK_SECONDS
    assert recent.find("7") == SHARE
    write(tmp_path, share=replace(SHARE, value=0.31))
    assert recent.find("7") == SHARE
