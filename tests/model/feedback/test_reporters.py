"""How much a reporter counts, by the outcome of earlier reports."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.feedback.reporters import VotingLimits, count_entered, find_expired_reports, find_mistrusted
from model.feedback.reports import AGREEMENT, ANONYMOUS, KNOWN, REVIEWER, UserReport
from model.settings import Settings
from model.sources.reports import ACCEPTED, CONFIRMED, REJECTED
from support.user_reports import NOW, hash_of, say


def judged(right: int, wrong: int, *, by: str = REVIEWER) -> list[UserReport]:
    reviews = [ACCEPTED] * right + [REJECTED] * wrong
    said = (say("ada", image=str(number)) for number in range(len(reviews)))
    return [
        replace(each, review=found, reviewed_by=by, reviewed_at=NOW) for each, found in zip(said, reviews, strict=True)
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "mistrusted"),
    [(0, 1, False), (0, 2, True), (7, 2, True), (8, 2, False), (16, 3, True), (17, 3, False), (50, 7, False)],
)
def test_an_error_is_forgiven_and_more_with_a_long_record(right: int, wrong: int, *, mistrusted: bool) -> None:
    assert find_mistrusted(judged(right, wrong), {}) == ({"ada"} if mistrusted else set())


def test_no_record_buys_many_lies() -> None:
    assert find_mistrusted(judged(500, 8), {}) == {"ada"}


def test_lies_are_not_made_good_by_what_everybody_knows() -> None:
    lies, same = judged(0, 50), [say("ada", "real", "public") for _ in range(500)]
    assert find_mistrusted([*lies, *same], {hash_of("public"): "real"}) == {"ada"}
    public = [say("ada", "real", f"public {number}") for number in range(500)]
    known = {each.image_sha256: "real" for each in public}
    assert find_mistrusted([*judged(0, 2), *public], known) == {"ada"}
    settled = [replace(each, review=CONFIRMED, reviewed_by=KNOWN, reviewed_at=NOW) for each in public]
    assert find_mistrusted([*judged(0, 2), *settled], {}) == {"ada"}


def test_repeating_what_a_person_has_decided_gives_no_credit() -> None:
    ours = [each for each in judged(10, 2) if each.holds]
    late = [replace(each, id=f"{number:032x}", client="eve", reported_at=NOW + timedelta(hours=1))
            for number, each in enumerate(ours)]  # fmt: skip
    lies = [replace(each, client="eve") for each in judged(0, 2)]
    assert find_mistrusted([*ours, *late, *lies], {}) == {"eve"}
    early = [replace(each, client="eve") for each in ours]
    assert find_mistrusted([*ours, *early, *lies], {}) == set()


def test_an_image_that_is_said_to_be_both_gives_no_credit() -> None:
    both = [replace(each, review=found) for each in judged(10, 0) for found in (ACCEPTED, REJECTED)]
    assert find_mistrusted(both, {}) == {"ada"}


def test_an_image_that_is_reported_often_is_one_that_was_told_right() -> None:
    often = [
        replace(say("ada", image="cat"), review=CONFIRMED, reviewed_by=REVIEWER, reviewed_at=NOW) for _ in range(20)
    ]
    assert find_mistrusted([*often, *judged(0, 2)], {}) == {"ada"}
    waiting = [say("ada", "ai", "dog"), say("ada", "ai", "dog")]
    assert find_mistrusted(waiting, {hash_of("dog"): "real"}) == set(), "nor is it several errors"


def test_of_what_tells_the_same_of_a_reporter_one_report_is_needed() -> None:
    about = {"reviewed_at": NOW - timedelta(days=31), "reviewed_by": REVIEWER}
    alike = [replace(say("ada"), review=CONFIRMED, **about) for _ in range(3)]
    others = [replace(said, review=REJECTED, **about) for said in (say("ada", "real"), say("ada", image="dog"))]
    assert find_expired_reports([*alike, *others], since=NOW - timedelta(days=30)) == alike[1:]


def test_the_lake_judges_as_a_person_does_and_an_agreement_judges_nobody() -> None:
    assert find_mistrusted(judged(0, 2, by=KNOWN), {}) == {"ada"}
    assert find_mistrusted(judged(0, 2, by=AGREEMENT), {}) == set()
    assert find_mistrusted([*judged(50, 0, by=AGREEMENT), *judged(0, 2)], {}) == {"ada"}


def test_a_report_that_waits_is_judged_by_what_is_known_of_its_image() -> None:
    waiting = [say("ada", "ai", "cat"), say("ada", "ai", "dog")]
    assert find_mistrusted(waiting, {hash_of("cat"): "real", hash_of("dog"): "ai"}) == set()
    assert find_mistrusted(waiting, {hash_of("cat"): "real", hash_of("dog"): "real"}) == {"ada"}


def test_an_image_that_entered_counts_once_for_each_who_said_so() -> None:
    def enter(client: str, image: str, review: str = ACCEPTED, by: str = AGREEMENT, *, days: int = 1) -> UserReport:
        at = NOW - timedelta(days=days)
        return replace(say(client, image=image), review=review, reviewed_by=by, reviewed_at=at)

    entered = [
        enter("ada", "cat"),
        enter("ada", "cat", CONFIRMED),
        enter("ada", "dog"),
        enter("bob", "cat"),
        enter("bob", "dog", REJECTED),
        enter("bob", "cow", by=REVIEWER),
        enter("bob", "owl", days=31),
    ]
    assert count_entered(entered, since=NOW - timedelta(days=30)) == {"ada": 2, "bob": 1}


def test_what_no_rule_needs_any_more_is_spent() -> None:
    long_ago = NOW - timedelta(days=31)

    def find(review: str | None, by: str | None, *, client: str = "ada", **about: object) -> UserReport:
        return replace(say(client), review=review, reviewed_by=by, **{"reviewed_at": long_ago} | about)

    spent = [
        find(CONFIRMED, AGREEMENT),
        find(REJECTED, AGREEMENT),
        find(REJECTED, REVIEWER, client=ANONYMOUS),
        find(CONFIRMED, KNOWN, client=ANONYMOUS),
        find(CONFIRMED, KNOWN),
        find(REJECTED, AGREEMENT, reviewed_at=None, reported_at=long_ago),
    ]
    needed = [
        find(None, None, reported_at=long_ago),
        find(ACCEPTED, AGREEMENT, client=ANONYMOUS),
        find(REJECTED, REVIEWER),
        find(REJECTED, KNOWN, image_sha256=hash_of("dog")),
        find(CONFIRMED, REVIEWER),
        find(CONFIRMED, AGREEMENT, reviewed_at=NOW),
        find(REJECTED, REVIEWER, client=ANONYMOUS, reviewed_at=NOW),
    ]
    found = find_expired_reports([*needed, *spent], since=NOW - timedelta(days=30))
    assert sorted(each.id for each in found) == sorted(each.id for each in spent)


def test_the_settings_say_how_far_it_goes() -> None:
    settings = Settings(feedback_agreement=2, feedback_per_reporter=7, prediction_days=9)
    assert VotingLimits.of(settings) == VotingLimits(agreement=2, images=7, days=9)
