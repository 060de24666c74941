"""Work ahead of the one who waits for it."""

import threading

import pytest

from model.training.data.ahead import made_ahead


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_results_come_in_order_and_none_is_missing(count: int) -> None:
    assert list(made_ahead(lambda number: number**2, count, threads=2)) == [number**2 for number in range(count)]


def test_the_next_is_made_while_the_last_is_used() -> None:
    begun = threading.Semaphore(0)

    def make(number: int) -> int:
        begun.release()
        return number

    made = made_ahead(make, 10, threads=1)
    assert next(made) == 0
    assert all(begun.acquire(timeout=10) for _ in range(3))
    made.close()


def test_what_goes_wrong_is_raised_where_it_is_waited_for() -> None:
    made = made_ahead(lambda number: 1 // (2 - number), 5, threads=2)
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_nobody_works_on_for_one_who_has_left() -> None:
    made = made_ahead(lambda number: number, 100, threads=2)
    next(made)
    made.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
