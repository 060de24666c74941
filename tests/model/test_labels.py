import pytest

from model.errors import SourceError
from model.labels import (
    AI,
    CLASSES,
    DOUBTFUL,
    REAL,
    SPELLINGS,
    describe_spellings,
    find_label,
    is_doubtful,
    parse_label,
)


def test_class_names_stand_at_their_index() -> None:
    assert (CLASSES[REAL], CLASSES[AI]) == ("real", "ai")
    assert set(SPELLINGS) == set(CLASSES)


@pytest.mark.parametrize(
    ("spelling", "label"),
    [
        ("REAL", "real"),
        ("0_real", "real"),
        ("nature", "real"),
        ("Real Images", "real"),
        (" human ", "real"),
        ("FAKE", "ai"),
        ("1_fake", "ai"),
        ("AI-generated", "ai"),
        ("AiArtData", "ai"),
    ],
)
def test_the_spellings_of_known_data_sets_are_understood(spelling: str, label: str) -> None:
    assert find_label(spelling) == label


def test_no_spelling_stands_for_both_labels() -> None:
    assert not set(SPELLINGS["real"]) & set(SPELLINGS["ai"])


def test_every_listed_spelling_is_in_the_form_it_is_looked_up_in() -> None:
    assert [word for label, words in SPELLINGS.items() for word in words if find_label(word) != label] == []


def test_a_word_that_also_says_what_a_picture_shows_is_a_doubtful_spelling() -> None:
    assert {word for words in SPELLINGS.values() for word in words} > DOUBTFUL
    assert [is_doubtful(word) for word in (" Human ", "nature", "Synthetic", "REAL", "ai-generated", "cats")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("spelling", ["", "cats", "realistic", "fakes and reals", "0", "1"])
def test_other_words_name_no_label(spelling: str) -> None:
    assert find_label(spelling) is None


def test_an_unknown_label_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(SourceError, match="'cats' names no label") as refusal:
        parse_label("cats")
    assert describe_spellings() in str(refusal.value)
    assert all(word in describe_spellings() for words in SPELLINGS.values() for word in words)
