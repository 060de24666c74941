"""TrainConfig: what a training run is made of, read from a recipe and overridden by hand."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from model.errors import TrainingError

Share = Annotated[float, Ge(0.0), Lt(1.0)]
Count = Annotated[int, Ge(1)]
_SUFFIX: Final = ".toml"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run, whole: the same config on the same dataset version gives the same detector."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    backbone: str
    """Name of any timm model."""
    pretrained: Literal["required", "preferred", "never"]
    """Start from ImageNet weights: or do not train at all, or else from scratch, or from scratch in any case."""
    size: Annotated[int, Ge(16), Le(1024)]
    """Side of the network's input in pixels; smaller when the images are: they are never enlarged."""
    smallest_map: Annotated[int, Ge(1), Le(64)] = 4
    """Least side of the backbone's last feature map; its first layers keep more of a small image to reach it."""
    epochs: Count
    batch_size: Annotated[int, Ge(2)]
    """Images a step; batch normalisation needs two."""
    learning_rate: Annotated[float, Gt(0.0)]
    """Peak of the schedule, reached after `warmup_epochs`, falling to zero along a cosine."""
    warmup_epochs: Annotated[float, Ge(0.0)]
    weight_decay: Annotated[float, Ge(0.0)]
    dropout: Share
    label_smoothing: Share
    max_shift: Share
    """Largest random shift in training, as a share of the side; the uncovered border is mirrored."""
    patience: Count
    """Epochs without a lower validation loss after which training stops."""
    seed: int
    int8: bool = False
    """Also make a variant in 8-bit integers; pays for plain convolutions (ResNet), not for depthwise ones."""

    def digest(self) -> str:
        """Return a short hash that names this config."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


_CONFIG = TypeAdapter(TrainConfig)


def recipes() -> list[str]:
    """List the names of the recipes."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in _folder().iterdir() if path.name.endswith(_SUFFIX))


def read_config(recipe: str, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a recipe, one of `recipes()` or a TOML file of one's own by its path, and lay `overrides` over it.

    Values may be strings, as from a command line. Raises TrainingError for an unknown recipe, a file that cannot be
    read, an unknown key or a value that is not allowed.
    """
    given = _read(recipe) | dict(overrides or {})
    try:
        return _CONFIG.validate_python(given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, p['loc']))}={p['input']!r}: {p['msg']}" for p in error.errors())
        known = ", ".join(field.name for field in fields(TrainConfig))
        raise TrainingError(f"recipe '{recipe}' so overridden is not allowed: {problems}. Keys: {known}") from error


def _read(recipe: str) -> dict[str, object]:
    if not recipe.endswith(_SUFFIX) and recipe not in recipes():
        raise TrainingError(f"there is no recipe '{recipe}'; known are {', '.join(recipes())} and paths of TOML files")
    file = Path(recipe) if recipe.endswith(_SUFFIX) else _folder() / f"{recipe}{_SUFFIX}"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise TrainingError(f"the recipe '{recipe}' cannot be read: {error}") from error


def _folder() -> Traversable:
    return files("model.training") / "recipes"
