"""Checkpoints of a training run, in safetensors: no pickle is ever written or read."""

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from model.errors import TrainingError


@dataclass(frozen=True)
class Progress:
    """How far training came: finished epochs, and the best of them by validation loss."""

    epochs: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")


def save_network(path: Path, network: nn.Module) -> None:
    """Write the network's weights to `path`, whole or not at all."""
    _save(path, _contiguous(network.state_dict()), metadata={})


def load_network(path: Path, network: nn.Module) -> None:
    """Load weights that `save_network` wrote."""
    tensors, _ = _load(path)
    network.load_state_dict(tensors)


def save_checkpoint(path: Path, network: nn.Module, optimizer: Optimizer, progress: Progress) -> None:
    """Write all that is needed to go on after the last epoch, whole or not at all."""
    tensors = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
    _save(path, _contiguous(tensors), metadata={"progress": json.dumps(asdict(progress))})


def load_checkpoint(path: Path, network: nn.Module, optimizer: Optimizer) -> Progress:
    """Load a checkpoint into `network` and `optimizer`; raises TrainingError when it cannot be read or does not fit."""
    tensors, metadata = _load(path)
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            states.setdefault(int(index), {})[key] = tensor
    weights = {name.removeprefix("network/"): tensor for name, tensor in tensors.items() if name.startswith("network/")}
    try:
        network.load_state_dict(weights)
        optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
        return Progress(**json.loads(metadata["progress"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        summary = str(error).partition("\n")[0]  # torch goes on to list every tensor
        raise TrainingError(f"{path} does not fit this network: {summary} Delete it to train from the start") from error


def _save(path: Path, tensors: dict[str, Tensor], *, metadata: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{uuid.uuid4().hex}")
    try:
        save_file(tensors, aside, metadata=metadata)
        aside.replace(path)
    except OSError as error:
        raise TrainingError(f"checkpoint {path} cannot be written: {error}; the one before it is kept") from error
    finally:
        aside.unlink(missing_ok=True)


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"checkpoint {path} cannot be read: {error}. Delete it to train from the start") from error


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
