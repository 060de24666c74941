"""What a reporter takes back, and what must outlast it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.dataset.tombstones import read_tombstones
from model.feedback.reporters import VotingLimits, find_mistrusted
from model.feedback.reports import UserReport, read_statements
from model.feedback.review import keep, settle
from model.settings import Settings
from model.sources.reports import ACCEPTED, REJECTED
from service.records.report_room import ReportRoom
from service.records.reporter import Reporter
from service.records.reports import Reports, Withdrawal
from support.small_images import labelled
from support.user_reports import NOW, say, write_said

IMAGES = [labelled(number, "ai").data for number in range(100, 104)]
THREE = ("ada", "bob", "cyd")
INFLUENCE = VotingLimits(agreement=3, images=2, days=30)

Report = Callable[..., UserReport]
Withdraw = Callable[..., Withdrawal | None]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def report(lake: Lake) -> Report:
    """`report("ada", "ai", IMAGES[0])` puts a report of the key into the lake."""

    def put(client: str, label: str = "ai", image: bytes = IMAGES[0], **about: object) -> UserReport:
        return write_said(lake.root, say(client, label, **about), image)

    return put


@pytest.fixture
def withdraw(lake: Lake, tmp_path: Path) -> Withdraw:
    """`withdraw(said)` has its reporter withdraw it, `withdraw(said, by="root", is_admin=True)` somebody else."""
    room = ReportRoom.of(Settings())
    reports = Reports(str(lake.root), lock=tmp_path / "reports.lock", room=room, agreement=INFLUENCE.agreement)

    def take_back(said: UserReport, *, by: str = "", is_admin: bool = False) -> Withdrawal | None:
        return reports.withdraw(said.id, Reporter(key=by or said.client, is_admin=is_admin))

    return take_back


def accepted(lake: Lake) -> int:
    lock = Path(lake.root).parent / "reports.lock"
    return settle(lake, influence=INFLUENCE, lock=lock, now=NOW + timedelta(hours=1)).accepted


def answered(lake: Lake, image_sha256: str, label: str) -> None:
    keep(lake, {image_sha256: label}, lock=Path(lake.root).parent / "reports.lock", by="Grace", now=NOW)


def test_a_report_that_waits_is_gone_when_it_is_withdrawn(lake: Lake, report: Report, withdraw: Withdraw) -> None:
    said = report("ada")
    assert withdraw(said) == Withdrawal(kept_out=False, left=())
    assert read_statements(lake.root) == []


def test_who_was_wrong_is_not_trusted_again_for_withdrawing_it(lake: Lake, report: Report, withdraw: Withdraw) -> None:
    lies = [report("eve", "real", image) for image in IMAGES[:2]]
    for said in lies:
        answered(lake, said.image_sha256, "ai")
        withdrawn = withdraw(said)
        assert withdrawn is not None
        assert ["without image and comment" in sentence for sentence in withdrawn.left] == [True]
        assert withdraw(said) is None, "it is withdrawn already"
    statements = read_statements(lake.root)
    assert [(each.review, each.kept, each.comment) for each in statements] == [(REJECTED, False, "")] * 2
    assert find_mistrusted(statements, {}) == {"eve"}


def test_what_a_person_has_decided_holds_when_those_who_erred_withdraw(
    lake: Lake, report: Report, withdraw: Withdraw
) -> None:
    lies = [report(client, "real") for client in THREE]
    answered(lake, lies[0].image_sha256, "ai")
    for said in lies:
        withdraw(said)
    again = [report(client, "real") for client in THREE]
    assert accepted(lake) == 0
    found = {each.id: each.review for each in read_statements(lake.root)}
    assert [found[said.id] for said in again] == [REJECTED] * 3


def test_nobody_gets_room_for_more_images_by_withdrawing(lake: Lake, report: Report, withdraw: Withdraw) -> None:
    """Another key gives the files, and those who agree take back what they said of them."""
    for image, enter in zip(IMAGES, (1, 1, 0, 0), strict=True):
        report("dan", "ai", image)
        said = [report(client, "ai", image, kept=False) for client in THREE]
        assert accepted(lake) == enter
        for each in said:
            withdraw(each)


def test_an_agreement_that_all_have_withdrawn_from_holds_no_more(
    lake: Lake, report: Report, withdraw: Withdraw
) -> None:
    said = [report(client) for client in THREE]
    assert accepted(lake) == 1
    for each in said:
        withdraw(each)
    report("dan")
    assert accepted(lake) == 0


def test_who_joins_an_agreement_and_withdraws_takes_the_image_of_nobody_else(
    lake: Lake, report: Report, withdraw: Withdraw
) -> None:
    said = [report(client) for client in THREE]
    assert accepted(lake) == 1
    late = report("eve")
    accepted(lake)
    withdrawn = withdraw(late)
    assert withdrawn is not None
    assert not withdrawn.kept_out
    assert "other reporters have given it as well" in withdrawn.left[0]
    assert read_tombstones(lake).empty
    assert [each.review for each in read_statements(lake.root) if each.kept] == [ACCEPTED] * 3
    withdrawn = withdraw(said[0])
    assert withdrawn is not None
    assert withdrawn.kept_out, "two reporters are too few for it"
    assert read_tombstones(lake)["sha256"].tolist() == [said[0].image_sha256]


def test_what_a_person_accepted_of_two_stays_until_both_withdraw(
    lake: Lake, report: Report, withdraw: Withdraw
) -> None:
    said = [report(client) for client in THREE[:2]]
    answered(lake, said[0].image_sha256, "ai")
    kept_out = [(withdrawn := withdraw(each)) and withdrawn.kept_out for each in said]
    assert kept_out == [False, True]


def test_an_admin_removes_a_report_and_its_image_whatever_others_say(
    lake: Lake, report: Report, withdraw: Withdraw
) -> None:
    said = [report(client) for client in (*THREE, "eve")]
    accepted(lake)
    withdrawn = withdraw(said[3], by="root", is_admin=True)
    assert withdrawn is not None
    assert withdrawn.kept_out
    assert [each.client for each in read_statements(lake.root)] == list(THREE)
