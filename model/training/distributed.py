"""Connects the processes of one training, and shares images and results among them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import torch
from torch import Tensor
from torch import distributed as group
from torch.distributed.nn.functional import all_reduce

from model.errors import TrainingError
from model.processes import die_with_parent
from model.training.config import TrainConfig

STORE: Final = "TRAINING_STORE"
"""Variable that names the private file in which processes of one machine meet; torchrun's meet at a port."""
_MOST_HELPERS: Final = 8
"""Most threads that prepare batches. More threads would only wait for Python's global interpreter lock."""
PATIENCE: Final = timedelta(hours=2)
"""How long the other processes wait for one that decodes the images or fetches weights."""


@dataclass(frozen=True)
class Process:
    """The number of this process (from 0) and how many there are: overall, and on its machine."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process logs, writes checkpoints and releases the detector."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """The GPU of this process, or the CPU of a machine without a GPU."""
        return torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")

    @property
    def cores(self) -> int:
        """The CPU cores of the machine divided by its processes, at least 1."""
        return max(1, (os.cpu_count() or 1) // self.local_world)

    @property
    def helpers(self) -> int:
        """Threads that prepare batches in advance; one core is left for the training step."""
        return max(1, min(_MOST_HELPERS, self.cores - 1))


ALONE: Final = Process()


@contextmanager
def joined(environment: Mapping[str, str]) -> Iterator[Process]:
    """Yield the process that the variables of `launch` or torchrun describe, or ALONE; leave the group at the end.

    The processes communicate through NCCL on GPUs and through gloo on CPUs.
    """
    if "WORLD_SIZE" not in environment:
        yield _settled(ALONE)
        return
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    process = Process(*(int(environment[name]) for name in names))
    die_with_parent()  # torchrun may be killed outright and unable to end this process
    group.init_process_group(
        "nccl" if process.device.type == "cuda" else "gloo",
        init_method=f"file://{environment[STORE]}" if STORE in environment else "env://",
        rank=process.rank,
        world_size=process.world,
        timeout=PATIENCE,
    )
    try:
        yield _settled(process)
    finally:
        group.destroy_process_group()


def check_shares(config: TrainConfig, process: Process) -> None:
    """Raise TrainingError unless each process gets the same number of images of a step, in whole pairs."""
    smallest = process.world * (4 if config.augmentation.paired else 2)
    if config.batch_size % smallest:
        raise TrainingError(
            f"a batch of {config.batch_size} images cannot be split among {process.world} processes in pairs: "
            f"make batch_size a multiple of {smallest}, such as {-(-config.batch_size // smallest) * smallest}"
        )


def own_part(count: int, process: Process) -> slice:
    """Return the slice of `count` images that this process evaluates."""
    bounds = [count * rank // process.world for rank in (process.rank, process.rank + 1)]
    return slice(*bounds)


def put_together(own: Tensor, count: int, process: Process) -> Tensor:
    """Join the values [n] of each process's `own_part` into the values [count]; every process gets all of them."""
    if process.world == 1:
        return own
    whole = torch.zeros(count, device=process.device)
    whole[own_part(count, process)] = own.to(process.device)
    group.all_reduce(whole)
    return whole.cpu()


def mean_over_all(own: Tensor) -> Tensor:
    """Return the mean of `own` over all processes; gradients flow back to each process."""
    if not group.is_initialized():
        return own
    total: Tensor = all_reduce(own)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return total / group.get_world_size()


def take_from_first(tensors: Iterable[Tensor], process: Process) -> None:
    """Overwrite `tensors` with those of the first process. All processes must call this, with as many tensors."""
    if process.world > 1:
        for tensor in tensors:
            group.broadcast(tensor, src=0)


def _settled(process: Process) -> Process:
    if process.device.type == "cuda":
        torch.cuda.set_device(process.device)
    else:
        torch.set_num_threads(process.cores)
    return process
