"""The page of the images that a person reviews."""

import re

import pytest

from model.dataset.lake import Lake
from model.feedback.agreement import Question
from model.feedback.reports import path_of, read_statements
from model.pages.review_page import remove_page, write_page
from support.small_images import labelled
from support.user_reports import say, write_said

EVIL = '<script>alert("x")</script>'
IMAGE = labelled(1, "ai").data


def ask(lake: Lake) -> Question:
    statements = tuple(read_statements(lake.root))
    return Question(image_sha256=statements[0].image_sha256, statements=statements, reason="too few")


def test_it_shows_each_image_with_what_was_said_and_nothing_that_was_said_is_run(lake: Lake) -> None:
    write_said(lake.root, say("ada", comment=EVIL, kept=False), IMAGE)
    write_said(lake.root, say("bob", probability=0.07), IMAGE)
    page = write_page(lake.root, [ask(lake)]).read_text()
    assert len(re.findall(r'<img src="data:image/webp;base64,[^"]+"', page)) == 1
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "ada" in page
    assert re.search(r"7\s%\sAI", page)


@pytest.mark.parametrize("data", [b"no image", IMAGE[:60]])
def test_an_image_that_cannot_be_drawn_says_so_in_its_place(lake: Lake, data: bytes) -> None:
    write_said(lake.root, say("ada"), data)
    assert "The image cannot be shown" in write_page(lake.root, [ask(lake)]).read_text()


def test_an_image_that_is_withdrawn_meanwhile_is_not_shown(lake: Lake) -> None:
    said = write_said(lake.root, say("ada"), IMAGE)
    question = ask(lake)
    path_of(lake.root, said.id).unlink()
    page = write_page(lake.root, [question]).read_text()
    assert "just withdrawn" in page
    assert "<img" not in page


def test_only_some_of_many_reports_are_listed(lake: Lake) -> None:
    for number in range(10):
        write_said(lake.root, say(f"key{number}"), IMAGE)
    assert "and 2 more reports" in write_page(lake.root, [ask(lake)]).read_text()


def test_one_reporter_who_reports_often_hides_nobody_else(lake: Lake) -> None:
    for number in range(10):
        write_said(lake.root, say("eve", comment=f"word {number}"), IMAGE)
    write_said(lake.root, say("ada", "real", comment="mine"), IMAGE)
    page = write_page(lake.root, [ask(lake)]).read_text()
    assert ("mine" in page, page.count("word "), "word 9" in page) == (True, 1, True)
    assert "and 9 more reports" in page


def test_it_is_removed_with_the_pictures(lake: Lake) -> None:
    write_said(lake.root, say("ada"), IMAGE)
    page = write_page(lake.root, [ask(lake)])
    remove_page(lake.root)
    assert not page.exists()
    remove_page(lake.root)
