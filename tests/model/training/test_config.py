"""Recipes and what may be laid over them."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from model.errors import TrainingError
from model.training.config import read_config, recipes


@pytest.mark.parametrize("recipe", recipes())
def test_every_recipe_can_be_read(recipe: str) -> None:
    assert read_config(recipe).backbone


def test_overrides_from_a_command_line_are_strings() -> None:
    assert read_config("quick", {"epochs": "3", "pretrained": "never"}).epochs == 3


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [({"epoch": 3}, "epoch=3"), ({"epochs": "many"}, "epochs='many'"), ({"dropout": 1.5}, "dropout=1.5")],
)
def test_an_override_that_is_not_allowed_is_named(overrides: dict[str, object], complaint: str) -> None:
    with pytest.raises(TrainingError, match=f"{complaint}.*Keys: backbone, pretrained"):
        read_config("quick", overrides)


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(TrainingError, match=r"no recipe '\.\./quick'; known are production, quick"):
        read_config("../quick")


def test_a_recipe_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in asdict(read_config("quick")).items()))
    assert read_config(str(own)) == read_config("quick")
    own.write_text("epochs = ")
    with pytest.raises(TrainingError, match=r"own\.toml' cannot be read: Invalid value"):
        read_config(str(own))
    with pytest.raises(TrainingError, match=r"nowhere\.toml' cannot be read: .*No such file"):
        read_config(str(tmp_path / "nowhere.toml"))


def test_the_digest_tells_configs_apart() -> None:
    assert read_config("quick").digest() == read_config("quick").digest()
    assert read_config("quick").digest() != read_config("quick", {"seed": 1}).digest()
