"""Changes of production: which are allowed, and what the history records."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from model.errors import RegistryError, RegistryUnavailable
from model.registry import ModelVersion, Registry
from model.registry.client import Translating
from model.registry.history import LONGEST_REASON, append
from model.registry.promotion import promote, repair, rollback
from model.registry.state import look

Add = Callable[..., ModelVersion]


def version_of(models: Registry, alias: str) -> str | None:
    found = models.resolve(alias)
    return found.version if found else None


def stages(models: Registry, name: str) -> dict[str, str]:
    found = models.client.search_model_versions(f"name = '{name}'")
    return {str(version.version): version.current_stage for version in found}


def steps(models: Registry) -> list[tuple[str, str | None, str | None]]:
    return [(change.how, change.from_version, change.to_version) for change in look(models).history.changes]


def test_a_promotion_moves_production_and_keeps_the_previous(models: Registry, add: Add) -> None:
    first, second = add(), add()
    promote(models, first.version, reason="the first")
    promoted = promote(models, second.version, reason="better", by="the gate")
    assert promoted == models.resolve("production")
    assert (promoted.version, promoted.tags["promotion_reason"]) == (second.version, "better")
    assert version_of(models, "previous") == first.version
    assert stages(models, first.name) == {"1": "Archived", "2": "Production"}
    change = look(models).history.changes[-1]
    assert (change.by, change.reason, change.at) == ("the gate", "better", promoted.tags["promoted_at"])
    assert steps(models) == [("promotion", None, "1"), ("promotion", "1", "2")]


def test_promoting_the_production_version_changes_nothing(models: Registry, add: Add) -> None:
    for version in (add(), add()):
        promote(models, version.version, reason="better")
    before = models.resolve("production"), models.resolve("previous"), look(models).history.changes
    promote(models, "2", reason="again")
    assert (models.resolve("production"), models.resolve("previous"), look(models).history.changes) == before


def test_a_model_that_does_not_exist_has_no_history_and_nothing_to_repair(models: Registry) -> None:
    repair(models)
    assert look(models).history.changes == ()


def test_a_rollback_returns_to_the_previous_version_and_can_be_rolled_back(models: Registry, add: Add) -> None:
    for version in (add(), add()):
        promote(models, version.version, reason="better")
    restored = rollback(models, reason="it calls cats AI")
    assert (restored.version, restored.tags["promotion_reason"]) == ("1", "rollback: it calls cats AI")
    assert restored == models.resolve("production")
    replaced = models.resolve("previous")
    assert replaced is not None
    assert (replaced.version, replaced.tags["rollback_reason"]) == ("2", "it calls cats AI")
    assert stages(models, restored.name) == {"1": "Production", "2": "Archived"}
    assert rollback(models, reason="they were AI").version == "2"
    assert steps(models)[2:] == [("rollback", "2", "1"), ("rollback", "1", "2")]


def test_a_rollback_can_name_its_version(models: Registry, add: Add) -> None:
    for version in (add(), add(), add()):
        promote(models, version.version, reason="newer")
    assert rollback(models, reason="far back", to="1").version == "1"
    assert version_of(models, "previous") == "3"


def test_a_rollback_and_a_promotion_can_name_an_alias(models: Registry, add: Add) -> None:
    for version in (add(), add(), add()):
        promote(models, version.version, reason="newer")
    assert rollback(models, reason="worse", to="previous").version == "2"
    assert rollback(models, reason="nothing is wrong", to="production").version == "2"
    models.set_alias("shadow", "1")
    assert rollback(models, reason="far back", to="shadow").version == "1"
    models.set_alias("candidate", add().version)
    assert promote(models, "candidate", reason="better").version == "4"
    assert steps(models)[3:] == [("rollback", "3", "2"), ("rollback", "2", "1"), ("promotion", "1", "4")]


def test_an_alias_that_does_not_exist_is_named_with_what_there_is(models: Registry, add: Add) -> None:
    promote(models, add().version, reason="the first")
    there_is = "there is no alias 'stable': its versions are 1, its aliases production=1"
    with pytest.raises(RegistryError, match=there_is):
        rollback(models, reason="worse", to="stable")
    with pytest.raises(RegistryError, match=there_is):
        promote(models, "stable", reason="better")


def test_a_rollback_skips_a_previous_version_that_was_deleted(models: Registry, add: Add) -> None:
    for version in (add(), add(), add()):
        promote(models, version.version, reason="newer")
    models.client.delete_model_version(version.name, "2")
    with pytest.raises(RegistryError, match="there is no version '2', it was deleted: its versions are 1, 3"):
        rollback(models, reason="worse", to="2")
    assert rollback(models, reason="worse").version == "1"


def test_a_rollback_without_a_previous_version_says_what_there_is(models: Registry, add: Add) -> None:
    promote(models, add().version, reason="the first")
    with pytest.raises(RegistryError, match="no version to go back to: its versions are 1, its aliases production=1"):
        rollback(models, reason="worse")


def test_a_rollback_goes_to_what_has_served(models: Registry, add: Add) -> None:
    promote(models, add().version, reason="the first")
    refused, passed = add("failed"), add("passed")
    with pytest.raises(RegistryError, match="version 2 was never in production"):
        rollback(models, reason="try this", to=refused.version)
    with pytest.raises(RegistryError, match=r"version 3 was never in production, .* Promote it instead"):
        rollback(models, reason="nobody has approved it", to=passed.version)


def test_a_version_that_does_not_exist_cannot_be_promoted(models: Registry, add: Add) -> None:
    with pytest.raises(RegistryError, match="no version '3': nothing is registered"):
        promote(models, "3", reason="typo")
    add()
    with pytest.raises(RegistryError, match="no version '3': its versions are 1, its aliases none"):
        promote(models, "3", reason="typo")


def test_what_the_gate_refused_is_promoted_only_on_purpose_which_stays_visible(models: Registry, add: Add) -> None:
    promote(models, add().version, reason="the first")
    refused = add("failed").version
    with pytest.raises(RegistryError, match=r"the gate says 'failed'.* model\.registry promote 2 --override"):
        promote(models, refused, reason="I like it")
    assert version_of(models, "production") == "1"
    promoted = promote(models, refused, reason="we have nothing else", override=True)
    assert promoted.tags["gate"] == "overridden"
    assert steps(models)[-1] == ("override", "1", "2")


def test_a_version_that_a_person_tagged_as_overridden_may_be_promoted(models: Registry, add: Add) -> None:
    version = add("failed")
    models.client.set_model_version_tag(version.name, version.version, "gate", "overridden")
    promote(models, version.version, reason="as its tag says")
    assert steps(models) == [("override", None, "1")]


def test_a_version_that_was_archived_by_hand_before_it_served_is_not_promoted(models: Registry, add: Add) -> None:
    version = add()
    with pytest.warns(FutureWarning, match="deprecated"):
        models.client.transition_model_version_stage(version.name, version.version, "Archived")
    with pytest.raises(RegistryError, match="version 1 was archived by hand"):
        promote(models, version.version, reason="better")


def test_what_was_judged_against_another_version_is_not_promoted(models: Registry, add: Add) -> None:
    first, second, third = (add().version for _ in range(3))
    promote(models, first, reason="the first", judged_against="none")
    promote(models, second, reason="better", judged_against=first)
    with pytest.raises(RegistryError, match="version 3 was judged against 1, but 2 is in production now"):
        promote(models, third, reason="better", judged_against=first)
    with pytest.raises(RegistryError, match="version 3 was judged against none, but 2"):
        promote(models, third, reason="better", judged_against="none")
    assert promote(models, second, reason="the task ran again", judged_against=first).version == second


def test_a_named_version_is_restored_even_when_nothing_is_in_production(models: Registry, add: Add) -> None:
    version = add()
    promote(models, version.version, reason="the first")
    models.client.delete_registered_model_alias(version.name, "production")
    assert rollback(models, reason="the alias was deleted", to=version.version).aliases == ("production",)


@pytest.mark.parametrize("text", ["\x01", '"', "\\", "\U0001f600", "x"])
def test_whatever_is_said_of_a_change_fits_into_the_history(models: Registry, add: Add, text: str) -> None:
    """MLflow cuts a longer parameter, and cut JSON would be the end of the history."""
    long = text * 50_000
    promote(models, add().version, reason=long, by=long, request=f"1{long}")
    promote(models, add().version, reason="better", request=f"1{long}")
    assert [change.to_version for change in look(models).history.changes] == ["1"], "the request was carried out before"
    assert promote(models, "2", reason="better").version == "2"
    assert rollback(models, reason="worse").version == "1"


def test_a_long_reason_is_cut_rather_than_refused(models: Registry, add: Add) -> None:
    promote(models, add().version, reason="worse on “naïve” photos; " * 1_000)
    assert len(look(models).history.changes[-1].reason) == LONGEST_REASON


@pytest.mark.parametrize("character", ["\x01", '"', "\ud800"])
def test_no_reason_makes_a_history_that_cannot_be_read(models: Registry, add: Add, character: str) -> None:
    """JSON writes a control character in six, MLflow cuts a parameter, and no parameter is ever written again."""
    for version in (add(), add()):
        promote(models, version.version, reason="better")
    rollback(models, reason=character * LONGEST_REASON, by=character * LONGEST_REASON)
    assert rollback(models, reason="back again").version == "2"


def test_a_history_that_was_thrown_away_is_asked_back_before_anything_moves(models: Registry, add: Add) -> None:
    first, second = add(), add()
    promote(models, first.version, reason="the first")
    run_id = models.client.get_registered_model(first.name).tags["history"]
    models.client.delete_run(run_id)
    with pytest.raises(RegistryError, match=f"mlflow runs restore --run-id {run_id}"):
        promote(models, second.version, reason="better")
    assert version_of(models, "production") == first.version
    models.client.restore_run(run_id)
    assert promote(models, second.version, reason="better").version == second.version


def test_of_two_who_write_the_next_entry_one_loses(models: Registry, add: Add) -> None:
    promote(models, add().version, reason="the first")
    history = look(models).history
    entries = [history.follow("promotion", "1", reason="better", by="twins") for _ in range(2)]
    assert [append(models, history, entry) for entry in entries] == [True, False]
    assert append(models, history, entries[0])  # the same request again, since the answer was lost
    assert look(models).history.changes[1:] == (entries[0],)


class Vanishing:
    """A client of a server that goes away at the call of that name."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return self.vanish if name == self._name else getattr(self._client, name)

    def vanish(self, *_: object, **__: object) -> None:
        from mlflow.exceptions import MlflowException

        raise MlflowException("connection refused") from requests.ConnectionError("connection refused")


def test_a_registry_that_goes_away_in_a_promotion_says_how_to_finish_it(models: Registry, add: Add) -> None:
    first, second = add(), add()
    promote(models, first.version, reason="the first")
    vanishing = Translating(Vanishing(models.client, "set_registered_model_alias"))
    with pytest.raises(
        RegistryUnavailable, match="does not answer; repeat the step once it does: the step finishes what"
    ):
        promote(replace(models, make_client=lambda _: vanishing), second.version, reason="better")
    assert version_of(models, "production") == first.version
    promote(models, second.version, reason="once more")
    assert steps(models) == [("promotion", None, "1"), ("promotion", "1", "2")]
    assert look(models).history.changes[-1].reason == "better"


@pytest.mark.parametrize("to", [None, "previous"])
@pytest.mark.parametrize("lost", ["set_registered_model_alias", "get_model_version"])
def test_a_rollback_in_which_the_registry_goes_away_is_repeated_without_going_back_twice(
    models: Registry, add: Add, lost: str, to: str | None
) -> None:
    for version in (add(), add()):
        promote(models, version.version, reason="better")
    vanishing = Translating(Vanishing(models.client, lost))
    with pytest.raises(RegistryUnavailable):
        rollback(replace(models, make_client=lambda _: vanishing), reason="it calls cats AI", to=to, request="run 7")
    for _ in range(2):
        assert rollback(models, reason="it calls cats AI", to=to, request="run 7").version == "1"
    assert steps(models)[2:] == [("rollback", "2", "1")]
    assert rollback(models, reason="they were AI", to=to, request="run 8").version == "2"


def test_a_repeated_rollback_leaves_what_was_decided_since(models: Registry, add: Add) -> None:
    for version in (add(), add()):
        promote(models, version.version, reason="better")
    rollback(models, reason="it calls cats AI", request="run 7")
    third = add().version
    promote(models, third, reason="it knows cats")
    assert rollback(models, reason="it calls cats AI", request="run 7").version == third
    assert len(look(models).history.changes) == 4


def test_a_promotion_that_is_repeated_late_does_not_undo_a_rollback(models: Registry, add: Add) -> None:
    first, second = add().version, add().version
    promote(models, first, reason="the first")
    promote(models, second, reason="gate", judged_against=first, request="run 7")
    rollback(models, reason="it calls cats AI")
    assert promote(models, second, reason="gate", judged_against=first, request="run 7").version == first
    assert version_of(models, "production") == first
    assert promote(models, second, reason="gate", judged_against=first, request="run 8").version == second
