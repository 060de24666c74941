"""How tasks read a form that a person has filled in."""

import pytest
from pydantic import JsonValue

from truegrain_airflow.forms import clean


@pytest.mark.parametrize("nothing", [None, "", "  \t\n", [], ["", " "], {}])
def test_blank_is_empty(nothing: JsonValue) -> None:
    assert clean(nothing) is None


@pytest.mark.parametrize("value", [0, False, True, 600, "previous", ["generator:drawn"], {"epochs": 3}])
def test_what_was_entered_is_kept_as_it_is(value: JsonValue) -> None:
    assert clean(value) == value
    assert type(clean(value)) is type(value)


def test_blanks_around_text_and_blank_lines_are_dropped() -> None:
    assert clean(" 5\n") == "5"
    assert clean([" source:shoes", "", "generator:drawn ", " "]) == ["source:shoes", "generator:drawn"]


def test_the_word_none_is_no_empty_field() -> None:
    assert clean("None") == "None"
