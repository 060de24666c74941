"""Changes made by hand in MLflow's UI, played by MLflow's client, are respected and recorded."""

import warnings
from collections.abc import Callable

import pytest

from model.errors import RegistryError
from model.registry import ModelVersion, Registry, promotion
from model.registry.history import TAG
from model.registry.promotion import promote, repair, rollback
from model.registry.state import look

Add = Callable[..., ModelVersion]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the wait before a second look: nobody else changes these models."""
    monkeypatch.setattr(promotion, "SECOND_LOOK_SECONDS", 0)


@pytest.fixture
def name(models: Registry, add: Add) -> str:
    """A model with four versions; version 1 was promoted, then version 2."""
    name = {add().name for _ in range(4)}.pop()
    for version in ("1", "2"):
        promote(models, version, reason="better")
    return name


def situation(models: Registry, name: str) -> tuple[dict[str, str], list[str]]:
    """Return the aliases, and the versions in stage Production."""
    found = models.client.search_model_versions(f"name = '{name}'")
    aliases = {alias: str(version) for alias, version in models.client.get_registered_model(name).aliases.items()}
    return aliases, [str(version.version) for version in found if version.current_stage == "Production"]


def move_stage(models: Registry, name: str, version: str, stage: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        models.client.transition_model_version_stage(name, version, stage)


def test_an_alias_moved_by_hand_stays_and_a_rollback_goes_back_to_what_was_served(models: Registry, name: str) -> None:
    models.client.set_registered_model_alias(name, "production", "4")
    repair(models)
    assert situation(models, name) == ({"production": "4", "previous": "2"}, ["4"])
    change = look(models).history.changes[-1]
    assert (change.how, change.from_version, change.to_version, change.by) == ("by hand", "2", "4", "unknown")
    assert rollback(models, reason="that was rash").version == "2"


def test_a_move_by_hand_is_noticed_by_the_next_promotion(models: Registry, name: str) -> None:
    models.client.set_registered_model_alias(name, "production", "4")
    promote(models, "3", reason="better")
    assert [(change.from_version, change.to_version) for change in look(models).history.changes][-2:] == [
        ("2", "4"),
        ("4", "3"),
    ]
    assert situation(models, name) == ({"production": "3", "previous": "4"}, ["3"])


def test_a_stage_moved_by_hand_is_a_promotion(models: Registry, name: str) -> None:
    move_stage(models, name, "3", "Production")
    repair(models)
    assert situation(models, name) == ({"production": "3", "previous": "2"}, ["3"])
    assert look(models).history.changes[-1].reason == "stage moved in MLflow"


def test_stages_that_cannot_be_understood_are_set_right(models: Registry, name: str) -> None:
    for version in ("3", "4"):
        move_stage(models, name, version, "Production")
    repair(models)
    assert situation(models, name) == ({"production": "2", "previous": "1"}, ["2"])
    move_stage(models, name, "2", "Archived")
    repair(models)
    assert situation(models, name) == ({"production": "2", "previous": "1"}, ["2"])
    assert len(look(models).history.changes) == 2


def test_an_alias_taken_away_by_hand_leaves_nothing_in_production(models: Registry, name: str) -> None:
    models.client.delete_registered_model_alias(name, "production")
    repair(models)
    assert situation(models, name) == ({"previous": "2"}, [])
    assert look(models).history.changes[-1].to_version is None
    assert rollback(models, reason="it was needed").version == "2"


def test_a_production_version_that_was_deleted_is_followed_by_the_one_before(models: Registry, name: str) -> None:
    models.client.delete_model_version(name, "2")
    assert rollback(models, reason="it is gone").version == "1"
    assert [(change.from_version, change.to_version) for change in look(models).history.changes][-2:] == [
        ("2", None),
        (None, "1"),
    ]
    assert situation(models, name) == ({"production": "1"}, ["1"])


def test_a_previous_moved_by_hand_is_put_back(models: Registry, name: str) -> None:
    models.client.set_registered_model_alias(name, "previous", "4")
    assert rollback(models, reason="worse").version == "1"


def test_a_registry_in_use_before_its_history_is_taken_over_as_it_is(models: Registry, add: Add) -> None:
    name = {add().name for _ in range(3)}.pop()
    for alias, version in (("previous", "1"), ("production", "2")):
        models.set_alias(alias, version)
    promote(models, "3", reason="better")
    assert [(change.from_version, change.to_version) for change in look(models).history.changes] == [
        ("1", "2"),
        ("2", "3"),
    ]
    assert situation(models, name) == ({"production": "3", "previous": "2"}, ["3"])


PLANTED = (
    '{"number":%s,"how":"promotion","from_version":"2","to_version":"4","reason":"","by":"","at":"2026","nonce":"0"}'
)


@pytest.mark.parametrize(
    ("key", "text"),
    [("000003", "garbage"), ("000003", PLANTED % 7), ("000004", PLANTED % 4), ("999999", PLANTED % 999999)],
)
def test_a_history_that_somebody_else_wrote_to_moves_nothing_and_says_how_to_begin_anew(
    models: Registry, name: str, key: str, text: str
) -> None:
    """A parameter cannot be taken back: without a way out nobody could promote or roll back any more."""
    models.client.log_param(look(models).history.run_id, key, text)
    for change in (lambda: promote(models, "3", reason="better"), lambda: rollback(models, reason="worse")):
        with pytest.raises(
            RegistryError, match=rf"parameter {key} of run \w+ is not change 3\..* delete the tag 'history'"
        ):
            change()
    assert situation(models, name) == ({"production": "2", "previous": "1"}, ["2"])
    models.client.delete_registered_model_tag(name, TAG)
    assert rollback(models, reason="worse").version == "1"
    assert situation(models, name) == ({"production": "1", "previous": "2"}, ["1"])


@pytest.mark.usefixtures("name")
def test_a_parameter_that_is_named_like_no_change_is_none(models: Registry) -> None:
    for key in ("²", "٣", "3"):
        models.client.log_param(look(models).history.run_id, key, "garbage")
    assert rollback(models, reason="worse").version == "1"
