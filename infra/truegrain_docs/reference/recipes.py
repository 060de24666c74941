"""The page of training recipes."""

import dataclasses
from typing import Any

from sphinx.pycode import ModuleAnalyzer

from model.training.config import Augmentation, TrainConfig, recipes
from truegrain_docs.markdown import code, page, table


def recipe_fields() -> str:
    """Return each recipe as its file says it, and each field with its default and its meaning."""
    shown = (
        f"## {name}\n\n```{{literalinclude}} ../../../model/training/recipes/{name}.toml\n:language: toml\n```"
        for name in recipes()
    )
    return page(
        "Recipes",
        "`TRUEGRAIN_RECIPE` and the field *Recipe* of `retrain_detector` take a name of this page, or the path of a"
        " TOML file. [Training](../train/training.md) says when to use which.",
        "## Fields",
        table(("field", "default", "meaning"), [*_rows(TrainConfig, ""), *_rows(Augmentation, "augmentation.")]),
        *shown,
    )


def _rows(config: Any, prefix: str) -> list[tuple[str, str, str]]:
    comments = ModuleAnalyzer.for_module(config.__module__).find_attr_docs()
    return [
        (
            code(prefix + field.name),
            "required" if field.default is dataclasses.MISSING else code(field.default),
            " ".join(comments.get((config.__name__, field.name), [])),
        )
        for field in dataclasses.fields(config)
        if field.name != "augmentation"
    ]
