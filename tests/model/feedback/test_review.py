"""From reports to training images: one report alone adds nothing, and every addition can be withdrawn."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates
from model.dataset.tombstones import read_tombstones
from model.feedback.agreement import Review
from model.feedback.reporters import VotingLimits
from model.feedback.reports import (
    AGREEMENT,
    ANONYMOUS,
    KNOWN,
    UserReport,
    path_of,
    read_report,
    read_statements,
    write_report,
)
from model.feedback.review import keep, settle
from model.settings import Settings
from model.sources.reports import ACCEPTED, CONFIRMED, REJECTED
from model.sources.reports import SOURCE as REPORTS
from support.small_images import collect, labelled, many
from support.user_reports import NOW, say, write_said

IMAGE, OTHER = (labelled(number, "ai").data for number in (100, 101))
THREE = ("ada", "bob", "cyd")
INFLUENCE = VotingLimits.of(Settings())
Report = Callable[..., UserReport]


@pytest.fixture
def report(lake: Lake) -> Report:
    """`report("ada", "ai", IMAGE)` writes a report by the reporter into the lake."""

    def put(client: str, label: str = "ai", image: bytes = IMAGE, **about: object) -> UserReport:
        return write_said(lake.root, say(client, label, **about), image)

    return put


def settled(lake: Lake, *, now: datetime = NOW, influence: VotingLimits = INFLUENCE) -> Review:
    return settle(lake, influence=influence, lock=lock_of(lake), now=now)


def answered(lake: Lake, answers: Mapping[str, str | None]) -> int:
    """Apply Grace's answer to the review."""
    return keep(lake, answers, lock=lock_of(lake), by="Grace", now=NOW)


def lock_of(lake: Lake) -> Path:
    return Path(lake.root).parent / "reports.lock"


def reviews(lake: Lake) -> list[tuple[str, str | None, str | None]]:
    return [(each.client, each.review, each.reviewed_by) for each in read_statements(lake.root)]


def ingest(lake: Lake) -> list[bytes]:
    """Ingest what is new, as the DAG does, and return all reported images in the lake."""
    for part in plan(lake, [], parts=1):
        collect_part(lake, part, now=NOW)
    facts = lake.facts()
    return list(lake.read_images(facts[facts["source"] == REPORTS]))


def test_what_enough_say_is_accepted_and_the_next_ingestion_reads_it_for_train(lake: Lake, report: Report) -> None:
    for client in THREE:
        report(client)
    assert settled(lake).accepted == 1
    assert reviews(lake) == [(client, ACCEPTED, AGREEMENT) for client in THREE]
    assert ingest(lake) == [IMAGE]
    rows = read_candidates(lake, assemble(lake, today=date(2026, 11, 21)))
    assert rows[["source", "split", "label"]].to_numpy().tolist() == [[REPORTS, "train", "ai"]]


def test_no_crowd_of_liars_brings_anything_in(lake: Lake, report: Report) -> None:
    """One key twenty times; two keys; callers without a key; a majority that one key contradicts."""
    crowds = [["eve"] * 20, ["eve", "mallory"] * 5, [ANONYMOUS] * 20, [f"key{number}" for number in range(10)]]
    for number, crowd in enumerate(crowds):
        for client in crowd:
            report(client, "real", labelled(number, "ai").data)
    report("ada", "ai", labelled(3, "ai").data)
    found = settled(lake)
    assert (found.rulings, len(found.questions)) == ((), 4)
    assert ingest(lake) == []


def test_nothing_is_read_before_it_is_settled_and_nothing_again_afterwards(lake: Lake, report: Report) -> None:
    for client in THREE:
        report(client)
    assert ingest(lake) == []
    settled(lake)
    assert ingest(lake) == [IMAGE]
    assert plan(lake, [], parts=2) != []  # another number of parts, the same files
    assert plan(lake, [], parts=1) == []


def test_a_report_without_the_file_counts_but_brings_nothing_in(lake: Lake, report: Report) -> None:
    for client in THREE:
        report(client, kept=client == "bob")
    settled(lake)
    assert [review for _, review, _ in reviews(lake)] == [CONFIRMED, ACCEPTED, CONFIRMED]
    assert ingest(lake) == [IMAGE]


def test_what_a_version_holds_is_not_learnt_anew_from_reports(
    lake: Lake,
    report: Report,
    publish_images: Callable[..., str],
) -> None:
    publish_images(many(40))
    held = labelled(2, "ai").data
    for client in THREE:
        report(client, "real", held)
    report("dan", "ai", held)
    settled(lake)
    assert reviews(lake) == [*((client, REJECTED, KNOWN) for client in THREE), ("dan", CONFIRMED, KNOWN)]
    assert ingest(lake) == []


def test_what_came_in_by_reports_is_no_knowledge_of_its_own(
    lake: Lake, report: Report, publish_images: Callable[..., str]
) -> None:
    for client in THREE:
        report(client)
    settled(lake)
    ingest(lake)
    publish_images(many(40))
    report("eve", "real")
    (question,) = settled(lake).questions
    assert question.reason == "disputed: 3 say ai, 1 say real"


def test_a_person_decides_what_is_asked_and_is_named(lake: Lake, report: Report) -> None:
    report("ada", "ai")
    report("bob", "real")
    report("cyd", "ai", OTHER)
    answers = {question.image_sha256: "ai" for question in settled(lake).questions[:1]}
    assert answered(lake, answers) == 2
    assert reviews(lake) == [
        ("ada", ACCEPTED, "reviewer:Grace"),
        ("bob", REJECTED, "reviewer:Grace"),
        ("cyd", None, None),
    ]
    assert ingest(lake) == [IMAGE]


def test_what_a_person_has_no_use_for_is_rejected_whatever_was_said(lake: Lake, report: Report) -> None:
    sha256 = report("ada", "ai").image_sha256
    report("bob", "real")
    answered(lake, {sha256: None})
    assert [review for _, review, _ in reviews(lake)] == [REJECTED, REJECTED]
    assert settled(lake).questions == ()


def test_a_person_overrules_an_agreement_and_the_image_is_withdrawn(lake: Lake, report: Report) -> None:
    for client in THREE:
        report(client)
    settled(lake)
    assert ingest(lake) == [IMAGE]
    report("eve", "real", kept=False)
    (question,) = settled(lake).questions
    answered(lake, {question.image_sha256: "real"})
    assert [review for _, review, _ in reviews(lake)] == [REJECTED, REJECTED, REJECTED, CONFIRMED]
    assert read_tombstones(lake)["sha256"].tolist() == [question.image_sha256]
    collect(lake, many(10), now=NOW)
    assert REPORTS not in set(read_candidates(lake, assemble(lake, today=date(2026, 11, 21)))["source"])


def test_no_mistake_of_reporters_takes_the_same_picture_of_another_source_with_it(lake: Lake, report: Report) -> None:
    """Three agree on the pixels of an image under the wrong label, a fourth denies it, and a person overrules."""
    collect(lake, many(10), now=NOW)
    before = read_candidates(lake, assemble(lake, today=date(2026, 11, 21)))
    image = next(lake.read_images(before[before["label"] == "real"]))
    for client in THREE:
        report(client, "ai", image + b"x")
    assert settled(lake).accepted == 1
    ingest(lake)
    report("eve", "real", image + b"x")
    (question,) = settled(lake).questions
    answered(lake, {question.image_sha256: "real"})
    after = read_candidates(lake, assemble(lake, today=date(2026, 11, 22)))
    assert set(after["sha256"]) == set(before["sha256"])


def test_a_person_who_agrees_with_an_agreement_ends_the_dispute(lake: Lake, report: Report) -> None:
    for client in THREE:
        report(client)
    settled(lake)
    sha256 = report("eve", "real").image_sha256
    answered(lake, {sha256: "ai"})
    assert [review for _, review, _ in reviews(lake)] == [ACCEPTED, ACCEPTED, ACCEPTED, REJECTED]
    assert read_tombstones(lake).empty
    report("eve", "real")
    assert settled(lake).questions == ()


def test_what_changes_while_it_is_reviewed_waits_for_the_next_review(
    lake: Lake, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and writing, one report is withdrawn and another one is changed."""
    withdrawn, replaced, other = (report(client) for client in THREE)

    def read(_: object) -> list[UserReport]:
        path_of(lake.root, withdrawn.id).unlink()
        write_said(lake.root, say("bob", "real", id=replaced.id), IMAGE)
        return [withdrawn, replaced, other]

    monkeypatch.setattr("model.feedback.review.read_statements", read)
    settled(lake)
    assert reviews(lake) == [("bob", None, None), ("cyd", ACCEPTED, AGREEMENT)]


def test_a_review_leaves_a_report_to_its_owner(lake: Lake, report: Report) -> None:
    said = report("ada")
    stored = read_report(lake.root, said.id)
    assert stored is not None
    write_report(lake.root, said.id, stored | {"owner": "key:ada"})
    answered(lake, {said.image_sha256: "ai"})
    reviewed = read_report(lake.root, said.id)
    assert reviewed is not None
    assert (reviewed["review"], reviewed["owner"]) == (ACCEPTED, "key:ada")


def test_what_is_not_accepted_loses_its_picture_and_comment(lake: Lake, report: Report) -> None:
    right, wrong, waiting = (
        report("ada", comment="mine"),
        report("bob", "real", comment="no"),
        report("cyd", image=OTHER),
    )
    answered(lake, {right.image_sha256: "ai"})
    found = [read_report(lake.root, each.id) for each in (right, wrong, waiting)]
    assert [each and (each["image"]["bytes"], each["comment"]) for each in found] == [
        (IMAGE, "mine"),
        (None, ""),
        (OTHER, ""),
    ]


def test_what_no_rule_needs_is_deleted_and_an_accepted_report_never(lake: Lake, report: Report) -> None:
    for client in THREE:
        report(client, kept=client == "bob")
    settled(lake)
    settled(lake, now=NOW + timedelta(days=29))
    assert [client for client, _, _ in reviews(lake)] == list(THREE)
    settled(lake, now=NOW + timedelta(days=31))
    assert reviews(lake) == [("bob", ACCEPTED, AGREEMENT)]


def test_the_number_of_images_a_reporter_may_bring_in_is_that_of_the_settings(lake: Lake, report: Report) -> None:
    for number in range(4):
        for client in THREE:
            report(client, image=labelled(number, "ai").data)
    narrow = VotingLimits.of(Settings(feedback_per_reporter=2))
    assert settled(lake, influence=narrow).accepted == 2
    assert settled(lake, now=NOW + timedelta(days=29), influence=narrow).accepted == 0
    assert settled(lake, now=NOW + timedelta(days=31), influence=narrow).accepted == 2
