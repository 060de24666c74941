"""A value beside its limit never looks as if it were on the other side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.rounding import round_apart


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        (2.04, 2.0, ("2.04", "2.00")),
        (2.6, 2.0, ("2.6", "2.0")),
        (2.0, 2.0, ("2.0", "2.0")),
        (0.0841, 0.0836, ("0.0841", "0.0836")),
        (1.9999, 2.0, ("1.9999", "2.0000")),
    ],
)
def test_as_many_digits_are_shown_as_it_takes(value: float, limit: float, shown: tuple[str, str]) -> None:
    assert round_apart(value, limit, 1) == shown


shares = st.floats(0, 1, allow_subnormal=False)


@given(shares, shares)
def test_the_order_of_the_numbers_is_that_of_their_texts(value: float, limit: float) -> None:
    shown, beside = (float(text) for text in round_apart(value, limit, 2))
    assert abs(value - limit) < 1e-13 or (shown > beside) == (value > limit)
