"""The questions to a person about reports, and the reading of the answer."""

import pytest

from model.errors import FeedbackError
from model.feedback.agreement import Question, Review
from model.feedback.reports import ANONYMOUS
from model.feedback.review_form import MOST_ASKED, choose, describe, read_answers
from support.user_reports import hash_of, say_all

IMAGES = [hash_of(name) for name in "abcdef"]
NOTHING: dict[str | None, list[object]] = {"ai": [], "real": [], None: []}


def question(clients: list[str], image: str = "cat", reason: str = "too few") -> Question:
    return Question(image_sha256=hash_of(image), statements=tuple(say_all(clients, image=image)), reason=reason)


def test_a_flood_without_keys_does_not_hide_what_reporters_with_keys_say() -> None:
    flood = [question([ANONYMOUS] * 9, image=f"{number}") for number in range(50)]
    chosen = choose([*flood, question(["ada"], image="one"), question(["ada", "bob"], image="two")])
    assert [each.image_sha256 for each in chosen[:3]] == [hash_of("two"), hash_of("one"), hash_of("0")]
    assert len(chosen) == MOST_ASKED


def test_one_reporter_with_many_images_hides_no_other_reporter() -> None:
    flood = [question(["eve"], image=f"{number}") for number in range(50)]
    others = [question([name], image=f"{name} {number}") for name in ("ada", "bob") for number in range(2)]
    chosen = [each.image_sha256 for each in choose([*flood, *others])]
    assert {each.image_sha256 for each in others} <= set(chosen[:6])
    assert len(chosen) == MOST_ASKED


def test_the_question_numbers_the_images_and_says_who_says_what_and_why_it_is_asked() -> None:
    disputed = Question(
        image_sha256=IMAGES[0],
        statements=(*say_all(["ada", "bob"], "ai"), *say_all([ANONYMOUS], "real", probability=0.93)),
        reason="disputed: 2 say ai, 1 say real",
    )
    crowd = question([f"key{number}" for number in range(7)])
    asked = [disputed, crowd, question([ANONYMOUS])]
    text = describe(Review(rulings=(), questions=(*asked, *asked), without_file=0), asked, "lake/review.html")
    assert text.startswith("These are 3 of 6 images that need a person. The images are in `lake/review.html`.")
    assert "| 1 | ai and real | ada, bob | 93% | disputed: 2 say ai, 1 say real |" in text
    assert "| 2 | ai | key0, key1, key2, key3, key4 and 2 more | 20% | too few |" in text
    assert "| 3 | ai | anonymous | 20% | too few |" in text


def test_what_reporters_write_is_not_in_the_question() -> None:
    led_astray = Question(
        image_sha256=IMAGES[0], statements=tuple(say_all(["ada"], comment="[here](https://evil)")), reason="too few"
    )
    assert "evil" not in describe(Review(rulings=(), questions=(), without_file=0), [led_astray], "page")


def test_numbers_and_ranges_become_the_labels_of_images() -> None:
    answers = read_answers(IMAGES, {"ai": [" 1 ", "3-4"], "real": [2], None: ["6"]})
    assert answers == dict(zip([IMAGES[n - 1] for n in (1, 3, 4, 2, 6)], ["ai", "ai", "ai", "real", None], strict=True))
    assert read_answers(IMAGES, NOTHING) == {}


@pytest.mark.parametrize("text", ["0", "7", "5-7", "4-2", "", "one", "-1", "1;2", "²", None, {}])
def test_what_is_no_number_of_an_image_is_refused_with_those_there_are(text: object) -> None:
    with pytest.raises(FeedbackError, match="is no number from 1 to 6"):
        read_answers(IMAGES, NOTHING | {"ai": [text]})


def test_a_number_that_is_given_twice_is_refused() -> None:
    with pytest.raises(FeedbackError, match="the number 2 is given twice, as ai and of no use"):
        read_answers(IMAGES, {"ai": ["1-3"], "real": [], None: ["2"]})
    assert len(read_answers(IMAGES, NOTHING | {"ai": ["1-3", "2"]})) == 3
