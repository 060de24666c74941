import pyarrow as pa
import pytest

from model.dataset import digest_set
from model.dataset.digest_set import ARROW, Digests, digest


@pytest.fixture(autouse=True)
def sort_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_set, "_FEWEST_TO_SORT", 10)


def test_what_was_added_is_there_and_nothing_else() -> None:
    # Some of so many digests end in a zero byte, which NumPy's strings drop.
    added = [digest("image", number) for number in range(3_000)]
    assert any(each.endswith(b"\0") for each in added)
    found = Digests()
    for each in (*added, *added):
        found.add(each)
    assert len(found) == len(added)
    assert all(each in found for each in added)
    assert not any(digest("other", number) in found for number in range(3_000))


def test_they_survive_arrow_in_any_pieces() -> None:
    first, second = sorted(digest(number) for number in range(50)), [digest(number) for number in range(25, 75)]
    column = pa.array([b"\xff" * 16, *second], ARROW)
    both = Digests([pa.array(first, ARROW), column.slice(1)])
    assert both.to_arrow().to_pylist() == sorted(set(first) | set(second))
    assert Digests([both.to_arrow()]).to_arrow().equals(both.to_arrow())
    assert len(Digests([])) == 0
    assert digest(1) not in Digests([])


def test_words_are_told_apart_where_they_end() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("ab", "c", "")}) == 4
