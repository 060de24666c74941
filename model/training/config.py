"""Reads the options of a training run from a recipe; each option can be overridden."""

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
from model.toml_options import Count, Share, ShareBelowOne, contradiction, lay_over, list_problems

Probability = Share
_CLOSED: Final = ConfigDict(extra="forbid", allow_inf_nan=False)
_SUFFIX: Final = ".toml"


def _split_numbers(value: object) -> object:
    """Split a text such as "32,64" or "[32, 64]" from a command line at its commas; return other values unchanged."""
    return [number for number in value.strip("[]").split(",") if number] if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training images are changed before the network sees them. A probability is per image and epoch.

    Everything is off by default; a recipe switches it on. `model.training.data.augment` and
    `model.training.data.recompression` define how strong each change is.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    mirror: Probability = 0.0
    shift: ShareBelowOne = 0.0
    """Largest random shift, as a share of the side; the uncovered border is filled with the mirrored image."""
    crop: Probability = 0.0
    """Probability that a random square of the image is enlarged to the whole size."""
    colour: Probability = 0.0
    """Probability that brightness, contrast and saturation are changed."""
    resize: Probability = 0.0
    """Probability that the image is scaled down and up again."""
    blur: Probability = 0.0
    noise: Probability = 0.0
    jpeg: Probability = 0.0
    webp: Probability = 0.0
    paired: bool = False
    """Show each image twice in its batch: as it is, and degraded (by the options from `colour` to `webp`)."""
    mixup: Probability = 0.0
    """Probability that a pair of images, and their labels, are blended (MixUp)."""
    cutmix: Probability = 0.0
    """Probability that a pair of images swap a rectangle, and the same share of their labels (CutMix)."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All options of a training run. The same config on the same dataset version gives the same detector."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    backbone: str
    """Name of any timm model."""
    widths: Annotated[tuple[Count, ...], BeforeValidator(_split_numbers)] = ()
    """Channels of each stage of the backbone, such as "32,64,128,256"; empty: timm's default.

    Only some backbones accept them (ResNets).
    """
    pretrained: Literal["required", "preferred", "never"]
    """Whether to start from ImageNet weights.

    - required: training fails without them.
    - preferred: training starts from scratch without them.
    - never: training always starts from scratch.
    """
    encoder: Literal["trained", "frozen"] = "trained"
    """Whether the backbone learns, too.

    - trained: the backbone and the head learn.
    - frozen: the features of each image are computed once and kept in the lake, and only the head learns.
    """
    copies: Annotated[int, Field(ge=0, le=100)] = 0
    """Augmented copies of each training image that a frozen encoder sees besides the image."""
    size: Annotated[int, Field(ge=16, le=1024)]
    """Side of the network's input in pixels. It is smaller if the images are smaller; images are never enlarged."""
    smallest_map: Annotated[int, Field(ge=1, le=64)] = 4
    """Smallest side of the backbone's last feature map. For small images the first layers reduce less to reach it."""
    epochs: Count
    batch_size: Annotated[int, Field(ge=2, multiple_of=2)]
    """Images a step, over all processes; even, because images are mixed in pairs."""
    learning_rate: PositiveFloat
    """Highest learning rate. It is reached after `warmup_epochs`, then falls to zero along a cosine."""
    warmup_epochs: NonNegativeFloat
    weight_decay: NonNegativeFloat
    dropout: ShareBelowOne
    hidden: Annotated[int, Field(ge=0, le=8192)] = 512
    """Units of the hidden layer between the pooled features and the output; 0: no hidden layer, a linear probe."""
    mirrored: bool = False
    """Score each image together with its mirror image: slightly more accurate, at twice the time."""
    label_smoothing: ShareBelowOne = 0.0
    clip_norm: NonNegativeFloat = 0.0
    """Largest norm of the gradient; longer gradients are scaled down. 0: no limit."""
    ema_decay: ShareBelowOne = 0.0
    """Decay of the moving average of the weights, which is evaluated and released. 0: no average."""
    prior_weight: NonNegativeFloat = 0.0
    """Weight of (mean probability of a batch - `prior`)^2 in the loss; 0: only the cross-entropy."""
    prior: Probability = 0.5
    """The mean probability that `prior_weight` pulls towards."""
    balanced: bool = False
    """Draw half real images, and the same number of images from each generator, whatever their sizes."""
    leave_out: str = ""
    """A generator kept out of training and validation, to measure how well its images are recognised unseen."""
    compile: bool = False
    """Compile the network with torch.compile, for long trainings on a GPU.

    On one CPU core it was slower: 273 images a second instead of 311 (ResNet-10 at 64 pixels).
    """
    patience: Count
    """Training stops after this many epochs without a lower validation loss."""
    seed: int
    outside_share: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    """Largest share of images like the training images that may count as outside of the detector's domain."""
    int8: bool = False
    """Also make an int8 variant; it is faster for plain convolutions (ResNet), not for depthwise ones."""
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Refuse values that contradict each other."""
        mixing = [name for name in ("mixup", "cutmix", "paired") if getattr(self.augmentation, name)]
        if self.frozen and self.pretrained != "required":
            raise contradiction(
                f"encoder=frozen learns nothing itself, and needs pretrained=required, not {self.pretrained}"
            )
        if self.frozen and mixing:
            raise contradiction(f"encoder=frozen sees each image by itself: switch off augmentation.{mixing[0]}")
        if self.copies and not self.frozen:
            raise contradiction(f"copies={self.copies} needs encoder=frozen: a trained encoder sees new copies anyway")

    @property
    def frozen(self) -> bool:
        """Whether only the head learns."""
        return self.encoder == "frozen"

    def digest(self) -> str:
        """Return a hash of all values, 12 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def flat(self) -> dict[str, object]:
        """Return every value by its name in overrides, such as 'epochs' and 'augmentation.jpeg'."""
        nested = asdict(self)
        inner: dict[str, object] = nested.pop("augmentation")
        return nested | {f"augmentation.{name}": value for name, value in inner.items()}


_CONFIG = TypeAdapter(TrainConfig)


def recipes() -> list[str]:
    """List the names of the recipes."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in _folder().iterdir() if path.name.endswith(_SUFFIX))


def read_config(recipe: str, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a recipe and apply `overrides` to it. `recipe` is one of `recipes()` or the path of a TOML file.

    A value inside a table is overridden by its dotted name ("augmentation.jpeg") or by a nested mapping. Values may be
    strings, as on a command line. Raises TrainingError for an unknown recipe, a file that cannot be read, an unknown
    key or a value that is not allowed.
    """
    given = lay_over(_read(recipe), overrides or {})
    try:
        return _CONFIG.validate_python(given)
    except ValidationError as error:
        raise TrainingError(
            f"the recipe '{recipe}' with its overrides is not allowed: {list_problems(error)}. Keys: {_keys()}"
        ) from error


def _keys() -> str:
    own = (item.name for item in fields(TrainConfig) if item.name != "augmentation")
    return ", ".join([*own, *(f"augmentation.{item.name}" for item in fields(Augmentation))])


def _read(recipe: str) -> dict[str, object]:
    if not recipe.endswith(_SUFFIX) and recipe not in recipes():
        raise TrainingError(
            f"there is no recipe '{recipe}'; use one of {', '.join(recipes())}, or the path of a TOML file"
        )
    file = Path(recipe) if recipe.endswith(_SUFFIX) else _folder() / f"{recipe}{_SUFFIX}"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise TrainingError(f"the recipe '{recipe}' cannot be read: {error}") from error


def _folder() -> Traversable:
    return files("model.training") / "recipes"
