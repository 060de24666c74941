"""Writes and reads the checkpoints of a training run as safetensors. A pickle could run code."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from upath import UPath

from model.errors import TrainingError
from model.files import write_whole
from model.training.config import TrainConfig
from model.training.loop.learner import Learner


@dataclass(frozen=True)
class Progress:
    """The number of finished epochs, and the best epoch by validation loss (nats)."""

    epochs: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")


def save_network(path: Path, network: nn.Module) -> None:
    """Write the network's weights to `path`, whole or not at all; raises StorageFull."""
    _save(path, network.state_dict(), metadata={})


def load_network(path: Path, network: nn.Module) -> None:
    """Load weights that `save_network` wrote."""
    tensors, _ = _load(path)
    network.load_state_dict(tensors)


def save_checkpoint(path: Path, learner: Learner, config: TrainConfig, progress: Progress) -> None:
    """Write everything that resuming after the last epoch needs, whole or not at all.

    Raises StorageFull without room for it; the previous checkpoint is then kept.
    """
    tensors = {f"network/{name}": tensor for name, tensor in learner.network.state_dict().items()}
    if learner.average:
        tensors |= {f"average/{name}": tensor for name, tensor in learner.judged.state_dict().items()}
    for index, state in learner.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
    _save(path, tensors, metadata={"progress": json.dumps(asdict(progress)), "config": json.dumps(config.flat())})


def load_checkpoint(path: Path, learner: Learner, config: TrainConfig) -> Progress:
    """Load a checkpoint into `learner`; raises TrainingError if it is unreadable or was made with another config."""
    tensors, metadata = _load(path)
    _check_config(path, metadata, config)
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below("optimizer", tensors).items():
        index, _, key = name.partition("/")
        states.setdefault(int(index), {})[key] = tensor
    try:
        learner.network.load_state_dict(_below("network", tensors))
        if learner.average:
            learner.judged.load_state_dict(_below("average", tensors))
        learner.optimizer.load_state_dict(learner.optimizer.state_dict() | {"state": _laid_out(states, learner)})
        return Progress(**json.loads(metadata["progress"]))
    except (IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
        summary = str(error).partition("\n")[0]  # the following lines of torch's message list every tensor
        raise TrainingError(f"{path} does not fit this network: {summary} Delete it to train from the start") from error


def _laid_out(states: dict[int, dict[str, Tensor]], learner: Learner) -> dict[int, dict[str, Tensor]]:
    """Give each state the memory layout of its weight (channels last); the fused optimizer needs the same for both."""
    weights = [weight for settings in learner.optimizer.param_groups for weight in settings["params"]]

    def like(weight: Tensor, state: Tensor) -> Tensor:
        return torch.empty_like(weight).copy_(state) if state.ndim else state

    return {index: {key: like(weights[index], state) for key, state in own.items()} for index, own in states.items()}


def _check_config(path: Path, metadata: dict[str, str], config: TrainConfig) -> None:
    made, asked = json.loads(metadata.get("config", "{}")), json.loads(json.dumps(config.flat()))
    differing = [
        f"{key}={made.get(key)!r}, now {asked.get(key)!r}" for key in asked | made if made.get(key) != asked.get(key)
    ]
    if differing:
        raise TrainingError(
            f"{path} was made with another config ({'; '.join(differing)}). "
            "Delete it to train from the start, or train with the config that made it"
        )


def _below(folder: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{folder}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _save(path: Path, tensors: dict[str, Tensor], *, metadata: dict[str, str]) -> None:
    content = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, metadata)
    with write_whole(UPath(path)) as file:
        file.write(content)


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"checkpoint {path} cannot be read: {error}. Delete it to train from the start") from error
