"""Words the questions that a person is asked about reports, and reads the answers."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Final

from model.errors import FeedbackError
from model.feedback.agreement import Question, Review
from model.feedback.reports import ANONYMOUS

MOST_ASKED: Final = 24
"""Most images that a person is asked about at a time: what one looks through without a break."""

_QUESTION: Final = """These are {asked} of {all} images that need a person. The images are in `{page}`.

Enter the numbers of the images that are AI, that are real, and that are of no use, such as `1` or `4-7`. Images
that you leave out are asked about again.

| | reports say | reporters | detector: AI | why a person |
|---|---|---|---|---|
{lines}
"""
_MOST_NAMED: Final = 5
_RANGE: Final = re.compile(r"(\d{1,4})(?:\s*-\s*(\d{1,4}))?")


def choose(questions: Iterable[Question]) -> list[Question]:
    """Choose at most MOST_ASKED questions: one of each reporter with a key, then another of each, and so on.

    In each round, questions with the most reporters come first. A flood without keys is last.
    """
    ordered = sorted(questions, key=lambda question: -len(_reporters(question)))
    asked = Counter[str]()
    turns: list[float] = []
    for question in ordered:
        names = _reporters(question)
        turns.append(min((asked[name] for name in names), default=inf))
        asked.update(names)
    return [ordered[place] for place in sorted(range(len(ordered)), key=turns.__getitem__)[:MOST_ASKED]]


def describe(review: Review, asked: Sequence[Question], page: str) -> str:
    """Return the questions `asked` as Markdown, a numbered line for each; `page` shows the images.

    Comments are only on the page: Markdown that a reporter wrote could mislead the reviewer.
    """
    lines = [_line(number, question) for number, question in enumerate(asked, 1)]
    return _QUESTION.format(asked=len(asked), all=len(review.questions), page=page, lines="\n".join(lines))


def read_answers(images: Sequence[str], numbers: Mapping[str | None, Iterable[object]]) -> dict[str, str | None]:
    """Return the label of each of the `images` that was answered, None for an image of no use.

    `numbers` are the positions of images, from 1, by the label they were given; a range such as '4-7' counts as its
    numbers. Raises FeedbackError for an invalid number, and for a number that is given two labels.
    """
    answers: dict[str, str | None] = {}
    for label, given in numbers.items():
        for number in (number for text in given for number in _read(str(text), len(images))):
            image = images[number - 1]
            if answers.setdefault(image, label) != label:
                raise FeedbackError(
                    f"the number {number} is given twice, as {_name(answers[image])} and {_name(label)}"
                )
    return answers


def _read(text: str, most: int) -> range:
    found = _RANGE.fullmatch(text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= most:
        raise FeedbackError(f"'{text}' is no number from 1 to {most}, nor a range of such numbers")
    return range(first, last + 1)


def _name(label: str | None) -> str:
    return label or "of no use"


def _line(number: int, question: Question) -> str:
    said = " and ".join(sorted({each.label for each in question.statements}))
    names = sorted(_reporters(question))
    shown = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" if names[_MOST_NAMED:] else "")
    probability = question.statements[-1].probability
    return f"| {number} | {said} | {shown or ANONYMOUS} | {probability:.0%} | {question.reason} |"


def _reporters(question: Question) -> set[str]:
    return {each.client for each in question.statements} - {ANONYMOUS}
