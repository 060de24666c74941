"""Backbones: any timm model by name, made for the size of the images, with pretrained weights where they can be had."""

from typing import Any, Literal

import structlog
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from model.errors import TrainingError
from model.training.feature_map import map_shape
from model.training.operators import make_torchvision_importable
from model.training.resolution import keep_resolution

Pretrained = Literal["required", "preferred", "never"]
_COMPLAINTS = 3
_COMPLAINT_LENGTH = 200
_log = structlog.get_logger(__name__)


def create_backbone(
    name: str,
    *,
    size: int,
    smallest_map: int,
    pretrained: Pretrained,
    pretrained_file: str,
    widths: tuple[int, ...] = (),
) -> nn.Module:
    """Create the timm model `name` without its head, for images of `size` pixels, in evaluation mode.

    The side of its feature map is at least `smallest_map` where its layers or patches can be made to keep that. Its
    stages have `widths` channels where these are given. Weights come from `pretrained_file`, from the hub where it is
    empty. Raises TrainingError for a model that is unknown, gives no feature map, takes no images of this size or no
    widths; for a file that cannot be read or does not fit; and when weights are required and cannot be had.
    """
    make_torchvision_importable()
    import timm

    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:6]}*")[:5]) or "see timm.list_models()"
        raise TrainingError(f"'{name}' is no timm model; did you mean one of: {near}?")
    try:
        options = _fixed_size_options(name, size, smallest_map)
        shape: dict[str, Any] = options | ({"channels": widths} if widths else {})
        backbone = _load(name, shape, pretrained, pretrained_file)
        if not options:
            keep_resolution(backbone, size=size, smallest_map=smallest_map)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:  # timm's models raise any of these
        what = f"{size} pixels with widths {widths}" if widths else f"{size} pixels"
        raise TrainingError(f"'{name}' cannot look at images of {what}: {error}; choose another") from error
    return backbone


def _fixed_size_options(name: str, size: int, smallest_map: int) -> dict[str, int]:
    """Say how a model that is built for one size of images is built for `size` pixels; nothing for all others.

    A vision transformer cuts its input into patches. Smaller ones keep the resolution of a small image; timm resamples
    pretrained weights of patches and positions to fit.
    """
    import timm

    if not timm.get_pretrained_cfg(name).fixed_input_size:
        return {}
    options = {"img_size": size}
    backbone = _create(name, options)
    while map_shape(backbone, size=size)[1] < smallest_map and (patch := _patch_size(backbone)) > 1:
        options["patch_size"] = patch // 2
        backbone = _create(name, options)
    return options


def _patch_size(backbone: nn.Module) -> int:
    embedding: Any = getattr(backbone, "patch_embed", None)
    return int(embedding.patch_size[0]) if hasattr(embedding, "patch_size") else 1


def _load(name: str, options: dict[str, Any], pretrained: Pretrained, file: str) -> nn.Module:
    if pretrained == "never":
        return _create(name, options)
    if file:
        return _create_from_file(name, options, file)
    try:
        return _create(name, options, pretrained=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        way_out = "set TRUEGRAIN_PRETRAINED to a safetensors file"
        if pretrained == "required":
            raise TrainingError(
                f"pretrained weights for '{name}' cannot be had from the hub: {error}. "
                f"Either {way_out}, or train from scratch with pretrained=preferred or pretrained=never"
            ) from error
        _log.warning("training from scratch, no pretrained weights", backbone=name, reason=str(error), way_out=way_out)
        return _create(name, options)


def _create_from_file(name: str, options: dict[str, Any], file: str) -> nn.Module:
    """Create the model with the weights in `file`, each of which must have its place and each place its weight."""
    import timm

    classifier = timm.get_pretrained_cfg(name).classifier or ()
    heads = tuple(f"{head}." for head in ([classifier] if isinstance(classifier, str) else classifier))
    weights = {name: tensor for name, tensor in _read(file).items() if not name.startswith(heads)}
    try:
        # Without a classifier timm loads strictly: what has no counterpart is an error, not left as it was.
        overlay = {"state_dict": weights, "classifier": None}
        backbone = _create(name, options, pretrained=True, pretrained_cfg_overlay=overlay)
    except RuntimeError as error:
        complaints = [line.strip()[:_COMPLAINT_LENGTH] for line in str(error).splitlines()[1 : _COMPLAINTS + 1]]
        raise TrainingError(f"TRUEGRAIN_PRETRAINED={file!r} does not fit '{name}': {' '.join(complaints)}") from error
    backbone.pretrained_cfg.pop("state_dict")  # type: ignore[operator]  # a dict; else all weights stay in memory twice
    return backbone


def _read(file: str) -> dict[str, Tensor]:
    if not file.endswith(".safetensors"):
        raise TrainingError(f"TRUEGRAIN_PRETRAINED={file!r} is no safetensors file; other kinds can run code")
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"TRUEGRAIN_PRETRAINED={file!r} cannot be read: {error}. Name another file, or none to ask the hub"
        ) from error


def _create(name: str, options: dict[str, Any], **weights: Any) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, num_classes=0, global_pool="", **options, **weights)
    return model
