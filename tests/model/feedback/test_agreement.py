"""Which reports settle an image, which go to a person, and that no reporter alone can add an image."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.feedback.agreement import Review, Ruling, answer, is_borne, review
from model.feedback.reporters import VotingLimits
from model.feedback.reports import AGREEMENT, ANONYMOUS, KNOWN, REVIEWER, UserReport
from model.sources.reports import ACCEPTED, CONFIRMED, REJECTED
from support.user_reports import NOW, hash_of, say, say_all

THREE = ("ada", "bob", "cyd")
INFLUENCE = VotingLimits(agreement=3, images=5, days=30)
ADA = f"{REVIEWER}Ada"


def judge(
    statements: Collection[UserReport], *, known: Mapping[str, str] | None = None, influence: VotingLimits = INFLUENCE
) -> Review:
    return review(statements, known=known or {}, influence=influence, now=NOW)


def reviewed(statements: Collection[UserReport], found: str, by: str = AGREEMENT, *, days: int = 1) -> list[UserReport]:
    at = NOW - timedelta(days=days)
    return [replace(each, review=found, reviewed_by=by, reviewed_at=at) for each in statements]


def questions(found: Review) -> list[str]:
    return [question.reason for question in found.questions]


def rule(label: str, *, holds: bool, by: str, image: str = "cat") -> Ruling:
    return Ruling(image_sha256=hash_of(image), label=label, holds=holds, by=by)


def test_enough_reporters_who_agree_have_an_image_accepted() -> None:
    found = judge(say_all(THREE))
    assert found == Review(rulings=(rule("ai", holds=True, by=AGREEMENT),), questions=(), without_file=0)
    assert found.accepted == 1


def test_below_that_a_person_is_asked_and_told_how_many_there_are() -> None:
    found = judge(say_all(THREE[:2]))
    assert found.rulings == ()
    assert questions(found) == ["2 of 3 required reporters with a key agree"]
    assert [each.client for each in found.questions[0].statements] == ["ada", "bob"]


def test_a_hundred_reports_of_one_key_are_one_voice() -> None:
    assert questions(judge(say_all(["ada"] * 100))) == ["1 of 3 required reporters with a key agree"]


def test_a_hundred_reports_of_two_keys_are_two_voices() -> None:
    assert judge(say_all(["ada", "bob"] * 50)).accepted == 0


def test_a_hundred_reports_without_a_key_are_no_voice() -> None:
    assert questions(judge(say_all([ANONYMOUS] * 100))) == ["0 of 3 required reporters with a key agree"]
    assert judge(say_all([*THREE[:2], *[ANONYMOUS] * 100])).accepted == 0


@pytest.mark.parametrize("dissenter", ["eve", ANONYMOUS, "ada"])
def test_one_who_disagrees_with_any_majority_brings_in_a_person(dissenter: str) -> None:
    majority = say_all([f"key{number}" for number in range(100)] + ["ada"])
    found = judge([*majority, say(dissenter, "real")])
    assert found.rulings == ()
    assert questions(found) == ["disputed: 101 say ai, 1 say real"]


def test_a_person_is_told_how_many_reporters_disagree_and_not_how_many_reports() -> None:
    assert questions(judge([*say_all(["eve"] * 12), say("ada", "real")])) == ["disputed: 1 say ai, 1 say real"]


def test_a_flood_enters_up_to_the_number_of_images_of_each_reporter() -> None:
    flood = [said for number in range(100) for said in say_all(THREE, image=f"image {number}")]
    found = judge(flood)
    assert [each.image_sha256 for each in found.rulings] == [hash_of(f"image {number}") for number in range(5)]
    assert questions(found)[0] == "3 reporters agree, but 0 erred too often before, 3 have had 5 images accepted"
    assert len(found.questions) == 95


def test_what_entered_before_counts_until_it_is_too_long_ago() -> None:
    before = [said for number in range(5) for said in say_all(THREE, image=f"image {number}")]
    assert judge([*reviewed(before, ACCEPTED, days=29), *say_all(THREE)]).accepted == 0
    assert judge([*reviewed(before, ACCEPTED, days=31), *say_all(THREE)]).accepted == 1


def test_old_reports_that_waited_do_not_slip_through_when_the_time_is_over() -> None:
    long_ago = NOW - timedelta(days=300)
    flood = [said for number in range(20) for said in say_all(THREE, image=f"{number}", reported_at=long_ago)]
    assert judge(flood).accepted == 5


def test_with_no_images_a_reporter_everything_is_left_to_a_person() -> None:
    assert judge(say_all(THREE), influence=replace(INFLUENCE, images=0)).accepted == 0


def test_who_erred_too_often_is_not_counted() -> None:
    errors = reviewed([say("cyd", image=f"image {number}") for number in range(2)], REJECTED, ADA)
    assert judge([*errors[:1], *say_all(THREE)]).accepted == 1
    found = judge([*errors, *say_all(THREE)])
    assert questions(found) == ["3 reporters agree, but 1 erred too often before, 0 have had 5 images accepted"]
    assert judge([*errors, *say_all([*THREE, "dan"])]).accepted == 1


def test_what_the_lake_knows_better_is_settled_at_once_and_costs_trust() -> None:
    planted = [said for image in ("a", "b") for said in say_all(THREE, "ai", image)]
    found = judge([*planted, *say_all(THREE, "ai", "new")], known={hash_of("a"): "real", hash_of("b"): "real"})
    assert found.rulings == tuple(rule("ai", holds=False, by=KNOWN, image=image) for image in ("a", "b"))
    assert found.accepted == 0
    assert len(found.questions) == 1


def test_what_the_lake_knows_already_is_confirmed_and_asks_nobody() -> None:
    found = judge([say("ada"), say("bob", "real")], known={hash_of("cat"): "ai"})
    assert found.rulings == (rule("ai", holds=True, by=KNOWN), rule("real", holds=False, by=KNOWN))
    assert found.questions == ()


def test_an_image_that_nobody_sent_waits_in_silence() -> None:
    assert judge(say_all(THREE, kept=False)) == Review(rulings=(), questions=(), without_file=1)


def test_each_image_that_nobody_sent_is_counted() -> None:
    assert judge([say("ada", image=image, kept=False) for image in ("cat", "dog", "cow")]).without_file == 3


def test_an_accepted_image_is_borne_by_enough_reporters_or_by_a_person_and_by_its_file() -> None:
    agreed = reviewed(say_all(THREE), ACCEPTED)
    assert is_borne(agreed, agreement=3)
    assert not is_borne(agreed, agreement=4)
    assert not is_borne([*agreed[:2], replace(agreed[2], withdrawn=True)], agreement=3)
    assert not is_borne([*agreed[:2], *reviewed([say(ANONYMOUS)], ACCEPTED)], agreement=3)
    assert not is_borne([*agreed[:2], *reviewed([say("cyd", "real")], REJECTED)], agreement=3)
    assert not is_borne(reviewed(say_all(THREE, kept=False), ACCEPTED), agreement=3)
    assert is_borne(reviewed([say(ANONYMOUS)], ACCEPTED, ADA), agreement=3)


def test_the_file_may_come_from_one_who_does_not_count() -> None:
    assert judge([*say_all(THREE, kept=False), say(ANONYMOUS)]).accepted == 1


def test_what_a_person_has_found_holds_for_later_reports_too() -> None:
    found = judge([*reviewed([say("ada")], ACCEPTED, ADA), say("bob"), say("eve", "real")])
    assert found.rulings == (rule("ai", holds=True, by=ADA), rule("real", holds=False, by=ADA))
    assert found.questions == ()


def test_what_a_person_has_rejected_stays_rejected_whoever_repeats_it() -> None:
    rejected = reviewed([say("ada")], REJECTED, ADA)
    assert judge([*rejected, *say_all(("bob", "cyd", "dan"))]).rulings == (rule("ai", holds=False, by=ADA),)


def test_after_a_rejection_the_other_class_is_still_open() -> None:
    rejected = reviewed([say("ada")], REJECTED, ADA)
    assert judge([*rejected, *say_all(("bob", "cyd", "dan"), "real")]).accepted == 1


def test_an_agreement_that_is_disputed_later_brings_in_a_person() -> None:
    agreed = reviewed(say_all(THREE), ACCEPTED)
    assert questions(judge([*agreed, say(ANONYMOUS, "real", kept=False)])) == ["disputed: 3 say ai, 1 say real"]


def test_who_joins_an_agreement_later_is_part_of_it() -> None:
    agreed = reviewed(say_all(THREE), CONFIRMED)
    assert judge([*agreed, say("dan")]).rulings == (rule("ai", holds=True, by=AGREEMENT),)


def test_a_review_without_a_name_is_that_of_a_person_who_edited_the_file() -> None:
    by_hand = [replace(say("ada"), review=ACCEPTED)]
    assert [ruling.holds for ruling in judge([*by_hand, say("bob"), say("eve", "real")]).rulings] == [True, False]


@pytest.mark.parametrize(("label", "holds"), [("ai", [False, True]), ("real", [True, False]), (None, [False, False])])
def test_an_answer_rules_on_both_classes(label: str | None, holds: list[bool]) -> None:
    rulings = answer(hash_of("cat"), label, by="Ada")
    assert [(ruling.label, ruling.holds, ruling.by) for ruling in rulings] == [
        (each, held, ADA) for each, held in zip(("real", "ai"), holds, strict=True)
    ]


VOICES = st.lists(
    st.builds(
        lambda client, label, image, kept: say(client, label, image, kept=kept),
        st.sampled_from([ANONYMOUS, *THREE, "dan"]),
        st.sampled_from(["real", "ai"]),
        st.sampled_from(["cat", "dog", "cow"]),
        st.booleans(),
    ),
    max_size=30,
)


@given(VOICES, st.randoms(use_true_random=False))
def test_nothing_enters_but_what_enough_named_reporters_say_and_nobody_denies(statements, random) -> None:  # type: ignore[no-untyped-def]
    found = judge(statements)
    for ruling in found.rulings:
        about = [each for each in statements if each.image_sha256 == ruling.image_sha256]
        assert {each.label for each in about} == {ruling.label}
        assert len({each.client for each in about} - {ANONYMOUS}) >= INFLUENCE.agreement
        assert any(each.kept for each in about)
    random.shuffle(statements)
    assert judge(statements) == found


@given(VOICES)
def test_every_image_is_settled_asked_about_or_without_a_file(statements) -> None:  # type: ignore[no-untyped-def]
    found = judge(statements)
    images = {each.image_sha256 for each in statements}
    assert len(images) == len(found.rulings) + len(found.questions) + found.without_file
