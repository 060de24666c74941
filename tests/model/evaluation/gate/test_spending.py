import pytest
from scipy.stats import binom

from model.evaluation.gate.paired import Paired
from model.evaluation.gate.spending import count_needed, in_words, level_of


def test_the_levels_of_all_decisions_together_are_the_significance() -> None:
    levels = [level_of(number, significance=0.05, expected_tries=15) for number in range(1, 5_000)]
    assert levels[:15] == [0.025 / 15] * 15
    assert levels == sorted(levels, reverse=True)
    assert sum(levels[15:]) == pytest.approx(0.025, rel=0.01)
    assert sum(levels) < 0.05


def test_decisions_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1, not 0"):
        level_of(0, significance=0.05, expected_tries=15)


def test_so_many_images_prove_equality_in_eight_of_ten_cases() -> None:
    """At a discordance of 4 %, by the exact distribution of images won among those that differ."""
    needed = round(count_needed(0.04, 0.01, 0.025))
    assert needed == pytest.approx(3_139, abs=1)
    differ = round(0.04 * needed)
    proven = sum(
        binom.pmf(won, differ, 0.5)
        for won in range(differ + 1)
        if Paired(needed, won, differ - won).bound(0.025) >= -0.01
    )
    assert proven == pytest.approx(0.8, abs=0.04)


def test_no_number_of_images_proves_that_equals_differ() -> None:
    assert count_needed(0.04, 0.0, 0.025) == float("inf")


@pytest.mark.parametrize(
    ("odds", "words"),
    [
        (0.0, "less than 1 in 1,000"),
        (0.001, "less than 1 in 1,000"),
        (0.002, "1 in 500"),
        (0.125, "1 in 8"),
        (0.5, "1 in 2"),
        (0.51, "51 in 100"),
        (0.75, "75 in 100"),
        (0.99, "99 in 100"),
        (0.999, "more than 99 in 100"),
    ],
)
def test_odds_are_written_in_words(odds: float, words: str) -> None:
    assert in_words(odds) == words
