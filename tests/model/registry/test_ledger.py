"""The ledger of decisions, in a real registry."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from model.errors import RegistryError
from model.registry import Registry
from model.registry.ledger import Entry, enter
from model.registry.promotion import promote
from model.registry.state import look


@pytest.fixture
def promoted(registry: Registry) -> Registry:
    """A registry with version 1 in production."""
    with registry.run("train", params={}) as run:
        pass
    registry.register(run.id, tags={"gate": "passed"})
    promote(registry, "1", reason="first")
    return registry


def test_decisions_are_numbered_for_each_champion_and_a_repeated_one_keeps_its_number(promoted: Registry) -> None:
    entered = [("1", "a"), ("1", "b"), ("2", "c"), ("1", "a"), ("1", "d")]
    assert [enter(promoted, champion, Entry("run", about)) for champion, about in entered] == [1, 2, 1, 1, 3]
    assert enter(promoted, "1", Entry("another run", "a")) == 4
    assert look(promoted).history.production == "1"  # what is decided is no change of production


def test_of_writers_that_take_the_same_number_each_gets_one_of_its_own(promoted: Registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda about: enter(promoted, "1", Entry("run", about)), "abcdef"))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


def test_a_registry_without_a_history_begins_one(registry: Registry) -> None:
    with registry.run("train", params={}) as run:
        pass
    registry.register(run.id, tags={})
    assert enter(registry, "1", Entry("run", "a")) == 1
    assert enter(registry, "1", Entry("run", "b")) == 2


@pytest.mark.parametrize(("key", "text"), [("decision.1.000001", "{}"), ("decision.1.000007", None)])
def test_a_ledger_that_somebody_else_wrote_is_not_believed(promoted: Registry, key: str, text: str | None) -> None:
    entry = '{"run_id": "run", "about": "a"}'
    promoted.client.log_param(look(promoted).history.run_id, key, text or entry)
    with pytest.raises(RegistryError, match=r"the ledger of decisions against version 1 cannot be believed"):
        enter(promoted, "1", Entry("run", "b"))
