"""Limits on reports: how many of a reporter may wait, how large they may be, and how much disk must stay free."""

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from upath import UPath

from model.feedback.reports import UserReport, list_ids, read_report, read_statement, write_report
from model.monitoring.predictions import Prediction
from model.sources.reports import REJECTED
from service.answers.problems import PROBLEMS, Refusal
from service.records.report_room import ReportRoom
from service.records.reporter import Reporter
from service.records.reports import Report, Reports
from support.monitoring import predict

ADA, BOB, NOBODY = Reporter(key="ada"), Reporter(key="bob"), Reporter(key=None)
_number = count()
Put = Callable[..., str | None]


@pytest.fixture
def lake(tmp_path: Path) -> UPath:
    return UPath(str(tmp_path / "lake"))


@pytest.fixture
def put(lake: UPath, tmp_path: Path) -> Put:
    """`put(ADA, reports=2)` stores a report on a new prediction, with a limit of two waiting reports."""

    def take(
        reporter: Reporter, *, image: bytes | None = None, prediction: Prediction | None = None, **granted: int
    ) -> str | None:
        most = {"reports": 3, "bytes": 1_000_000, "free": 0} | granted
        room = ReportRoom(reports=most["reports"], bytes=most["bytes"], free=most["free"])
        about = prediction or predict(next(_number))
        report = Report(prediction=about, label="ai", comment="", image=image)
        return Reports(str(lake), lock=tmp_path / "reports.lock", room=room, agreement=3).put(report, reporter)

    return take


def refusal(put: Put, *given: Any, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        put(*given, **more)
    return refused.value


def test_a_reporter_who_has_used_up_the_share_is_told_and_takes_nothing_from_others(put: Put, lake: UPath) -> None:
    for _ in range(3):
        put(ADA)
    found = refusal(put, ADA)
    assert (found.reason, PROBLEMS[found.reason][0]) == ("too_many_reports", 429)
    assert "3 reports of the key 'ada' wait" in found.detail
    put(BOB)
    put(NOBODY)
    assert len(list_ids(lake)) == 5


def test_all_without_a_key_have_one_share_together(put: Put) -> None:
    for _ in range(3):
        assert put(NOBODY)
    assert "all callers without a key together" in refusal(put, NOBODY).detail


def test_a_report_in_the_place_of_an_earlier_one_needs_no_more_room(put: Put, lake: UPath) -> None:
    predictions = [predict(next(_number)) for _ in range(3)]
    for _ in range(2):
        for prediction in predictions:
            put(ADA, prediction=prediction, image=b"x" * 300_000)
    assert len(list_ids(lake)) == 3


def test_the_images_of_a_reporter_may_weigh_so_much_and_no_more(put: Put) -> None:
    noise = random.Random(0).randbytes(360_000)
    put(ADA, image=noise, bytes=700_000)
    found = refusal(put, ADA, image=noise, bytes=700_000)
    assert found.reason == "too_many_reports"
    put(ADA, bytes=700_000)
    assert refusal(put, BOB, image=b"x" * 700_001, bytes=700_000).reason == "too_many_reports"


def test_what_a_review_has_settled_leaves_room(put: Put, lake: UPath) -> None:
    for _ in range(3):
        put(ADA)
    for name in list_ids(lake)[:2]:
        settled = (read_report(lake, name) or {}) | {"review": REJECTED, "reviewed_at": datetime.now(UTC)}
        write_report(lake, name, settled)
    put(ADA)
    put(ADA)
    assert refusal(put, ADA).reason == "too_many_reports"


def test_who_goes_on_asking_in_vain_has_no_report_read_again(
    put: Put, lake: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def note(lake: UPath, name: str) -> UserReport | None:
        read.append(name)
        return read_statement(lake, name)

    monkeypatch.setattr("service.records.report_room.read_statement", note)
    for _ in range(3):
        put(ADA)
    room = ReportRoom(reports=3, bytes=1_000_000, free=0)
    for _ in range(4):
        with pytest.raises(Refusal):
            room.require(lake, ADA, replacing="", size=0)
    assert sorted(read) == list_ids(lake)


@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
def test_the_disk_is_that_of_the_lake_however_it_is_named(scheme: str, tmp_path: Path) -> None:
    room = ReportRoom(reports=3, bytes=1_000_000, free=10**18)
    with pytest.raises(Refusal) as refused:
        room.require(UPath(f"{scheme}{tmp_path}/not/there/yet"), ADA, replacing="", size=0)
    assert refused.value.reason == "no_room"
    room.require(UPath("memory://lake"), ADA, replacing="", size=0)


def test_no_report_is_taken_where_the_disk_is_nearly_full(
    put: Put, lake: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    put(ADA, free=1_000)
    found = refusal(put, ADA, free=1_000, image=b"x")
    assert (found.reason, PROBLEMS[found.reason][0]) == ("no_room", 507)
    assert "1,000 bytes" in found.detail
    assert len(list_ids(lake)) == 1
