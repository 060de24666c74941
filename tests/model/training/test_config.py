"""Recipes and their overrides."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from model.errors import TrainingError
from model.training.config import read_config, recipes


@pytest.mark.parametrize("recipe", recipes())
def test_every_recipe_can_be_read(recipe: str) -> None:
    assert read_config(recipe).backbone


def test_a_recipe_names_nothing_that_is_so_anyway() -> None:
    """A line in a recipe is a decision; lines that repeat a default would hide the decisions."""
    for recipe in recipes():
        text = (files("model.training") / "recipes" / f"{recipe}.toml").read_text()
        for key, value in tomllib.loads(text).get("augmentation", {}).items():
            assert value, f"{recipe}: augmentation.{key}"


def test_overrides_from_a_command_line_are_strings() -> None:
    config = read_config("quick", {"epochs": "3", "balanced": "true", "augmentation.jpeg": "0.5"})
    assert (config.epochs, config.balanced, config.augmentation.jpeg) == (3, True, 0.5)


@pytest.mark.parametrize("widths", ["16,32", "[16, 32]", [16, 32]])
def test_numbers_in_a_row_can_be_written_several_ways(widths: object) -> None:
    assert read_config("quick", {"widths": widths}).widths == (16, 32)


def test_a_table_is_overridden_value_by_value() -> None:
    recipe = read_config("quick")
    for overrides in ({"augmentation": {"webp": 0.25}}, {"augmentation.webp": 0.25}):
        augmentation = read_config("quick", overrides).augmentation
        assert (augmentation.webp, augmentation.mirror) == (0.25, recipe.augmentation.mirror)


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ({"epoch": 3}, "epoch: Unexpected"),
        ({"epochs": "many"}, "epochs='many'"),
        ({"dropout": 1.5}, "dropout=1.5"),
        ({"learning_rate": "inf"}, "learning_rate='inf'"),
        ({"batch_size": 33}, "batch_size=33"),
        ({"pretrained": "maybe"}, "pretrained='maybe'"),
        ({"augmentation.jpg": 0.5}, "augmentation.jpg: Unexpected"),
        ({"augmentation": {"jpeg": 2}}, "augmentation.jpeg=2"),
        ({"augmentation": 1}, "augmentation=1"),
    ],
)
def test_an_override_that_is_not_allowed_is_named(overrides: dict[str, object], complaint: str) -> None:
    with pytest.raises(TrainingError, match=f"{complaint}.*Keys: backbone, widths.*augmentation.cutmix"):
        read_config("quick", overrides)


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(TrainingError, match=r"no recipe '\.\./quick'; use one of .*production, quick"):
        read_config("../quick")


def test_a_recipe_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes((files("model.training") / "recipes" / "quick.toml").read_bytes())
    assert read_config(str(own)) == read_config("quick")
    own.write_text("epochs = ")
    with pytest.raises(TrainingError, match=r"own\.toml' cannot be read: Invalid value"):
        read_config(str(own))
    with pytest.raises(TrainingError, match=r"nowhere\.toml' cannot be read: .*No such file"):
        read_config(str(tmp_path / "nowhere.toml"))


def test_the_digest_tells_configs_apart() -> None:
    assert read_config("quick").digest() == read_config("quick").digest()
    assert read_config("quick").digest() != read_config("quick", {"seed": 1}).digest()
    assert read_config("quick").digest() != read_config("quick", {"augmentation.blur": 0.5}).digest()


def test_a_config_is_logged_flat_under_the_names_that_override_it() -> None:
    flat = read_config("quick").flat()
    assert flat["augmentation.mirror"] == 0.5
    assert read_config("production", flat) == read_config("quick")


def test_what_is_no_recipe_is_not_quoted(tmp_path: Path) -> None:
    """Whoever may trigger a training may name any file, and reads what the task logs."""
    path = tmp_path / "credentials.toml"
    path.write_text('[registry]\ntoken = "t0ps3cret"\n')
    with pytest.raises(TrainingError, match="backbone: Field required") as refused:
        read_config(str(path))
    assert "t0ps3cret" not in str(refused.value)


def test_many_wrong_keys_are_not_all_listed() -> None:
    with pytest.raises(TrainingError, match="and 19,990 more") as refused:
        read_config("quick", {f"key{number}": "x" * 1_000 for number in range(20_000)})
    assert len(str(refused.value)) < 5_000
