"""The options of a training run, read from a recipe, with any of them overridden by hand."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, field, fields
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, NonNegativeFloat, PositiveFloat, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from model.errors import TrainingError
from model.toml_options import Count, Share, ShareBelowOne, lay_over, list_problems

Probability = Share
_CLOSED: Final = ConfigDict(extra="forbid", allow_inf_nan=False)
_SUFFIX: Final = ".toml"


def _split_numbers(value: object) -> object:
    """Turn "32,64" or "[32, 64]", as from a command line, into numbers in a list."""
    return [number for number in value.strip("[]").split(",") if number] if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What happens to an image of training before the network sees it; a probability is that of one image in one epoch.

    All of it is off unless a recipe switches it on. `model.training.data.augment` says how strong each one is.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    mirror: Probability = 0.0
    shift: ShareBelowOne = 0.0
    """Largest random shift, as a share of the side; the uncovered border is mirrored."""
    crop: Probability = 0.0
    """Of a cut-out, enlarged to the whole."""
    colour: Probability = 0.0
    """Of another brightness, contrast and saturation."""
    resize: Probability = 0.0
    """Of being scaled down and up again."""
    blur: Probability = 0.0
    noise: Probability = 0.0
    jpeg: Probability = 0.0
    webp: Probability = 0.0
    paired: bool = False
    """Show each image twice in its batch, as it is and degraded (by what stands between `colour` and here)."""
    mixup: Probability = 0.0
    """Of a pair of images to be blended, with their labels."""
    cutmix: Probability = 0.0
    """Of a pair of images to trade a rectangle, with its share of their labels."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run, whole: the same config on the same dataset version gives the same detector."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    backbone: str
    """Name of any timm model."""
    widths: Annotated[tuple[Count, ...], BeforeValidator(_split_numbers)] = ()
    """Channels of its stages, such as "32,64,128,256", where timm lets them be chosen (ResNets); empty: timm's own."""
    pretrained: Literal["required", "preferred", "never"]
    """Start from ImageNet weights: or do not train at all, or else from scratch, or from scratch in any case."""
    size: Annotated[int, Field(ge=16, le=1024)]
    """Side of the network's input in pixels; smaller when the images are: they are never enlarged."""
    smallest_map: Annotated[int, Field(ge=1, le=64)] = 4
    """Least side of the backbone's last feature map; its first layers keep more of a small image to reach it."""
    epochs: Count
    batch_size: Annotated[int, Field(ge=2, multiple_of=2)]
    """Images a step, of all processes together; even, for images are mixed two by two."""
    learning_rate: PositiveFloat
    """Peak of the schedule, reached after `warmup_epochs`, falling to zero along a cosine."""
    warmup_epochs: NonNegativeFloat
    weight_decay: NonNegativeFloat
    dropout: ShareBelowOne
    mirrored: bool = False
    """Judge each image together with its mirror image: a little more accurate, and twice the time."""
    label_smoothing: ShareBelowOne = 0.0
    clip_norm: NonNegativeFloat = 0.0
    """Largest norm of the gradient, longer ones are shortened; 0: any."""
    ema_decay: ShareBelowOne = 0.0
    """How slowly the averaged weights follow those in training; they are what is judged and released. 0: no average."""
    prior_weight: NonNegativeFloat = 0.0
    """Weight of (mean probability of a batch - `prior`)^2 in the loss; 0: the cross-entropy alone."""
    prior: Probability = 0.5
    """Share of AI images that the mean probability is drawn to."""
    balanced: bool = False
    """Draw real images and those of each generator alike often, however many there are of each."""
    leave_out: str = ""
    """A generator whose images are in neither training nor validation, to see how well it is recognised unseen."""
    compile: bool = False
    """Compile the network with torch.compile, for long trainings on a GPU. On a CPU it was slower: 273 images a second
    of a core instead of 311 (ResNet-10 at 64 pixels)."""
    patience: Count
    """Epochs without a lower validation loss after which training stops."""
    seed: int
    int8: bool = False
    """Also make a variant in 8-bit integers; pays for plain convolutions (ResNet), not for depthwise ones."""
    augmentation: Augmentation = field(default_factory=Augmentation)

    def digest(self) -> str:
        """Return a short hash that names this config."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def flat(self) -> dict[str, object]:
        """Return every value by the name that overrides it, such as 'epochs' and 'augmentation.jpeg'."""
        nested = asdict(self)
        inner: dict[str, object] = nested.pop("augmentation")
        return nested | {f"augmentation.{name}": value for name, value in inner.items()}


_CONFIG = TypeAdapter(TrainConfig)


def recipes() -> list[str]:
    """List the names of the recipes."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in _folder().iterdir() if path.name.endswith(_SUFFIX))


def read_config(recipe: str, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a recipe, one of `recipes()` or a TOML file of one's own by its path, and lay `overrides` over it.

    A value of a table is overridden by its dotted name ("augmentation.jpeg") or in a mapping of its own. Values may be
    strings, as from a command line. Raises TrainingError for an unknown recipe, a file that cannot be read, an unknown
    key or a value that is not allowed.
    """
    given = lay_over(_read(recipe), overrides or {})
    try:
        return _CONFIG.validate_python(given)
    except ValidationError as error:
        raise TrainingError(
            f"recipe '{recipe}' so overridden is not allowed: {list_problems(error)}. Keys: {_keys()}"
        ) from error


def _keys() -> str:
    own = (item.name for item in fields(TrainConfig) if item.name != "augmentation")
    return ", ".join([*own, *(f"augmentation.{item.name}" for item in fields(Augmentation))])


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
