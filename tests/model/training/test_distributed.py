"""Several processes train as one would. Batch normalisation over processes is torch's own, and only on GPUs."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.errors import TrainingError
from model.training.config import Augmentation, TrainConfig
from model.training.distributed import ALONE, Process, check_shares, joined, own_part
from model.training.loop.learner import cross_entropy
from support import training


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks that two processes trained, `with` and `without` batch normalisation."""
    folder = tmp_path_factory.mktemp("together")
    paths = os.pathsep.join((str(Path(training.__file__).parent), *filter(None, sys.path)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    finished = subprocess.run(
        [*command, training.__file__, str(folder)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return folder


def test_without_batch_normalisation_two_processes_train_the_weights_that_one_trains(
    together: Path, tmp_path: Path
) -> None:
    alone = training.train(tmp_path, ALONE, batch_norm=False)
    np.testing.assert_allclose(np.load(together / "without" / "logits.npy"), alone, atol=1e-2)
    one, two = (load_file(folder / "best.safetensors") for folder in (tmp_path, together / "without"))
    begun = training.begin(batch_norm=False).state_dict()
    assert one.keys() == two.keys() == begun.keys()
    for name in ("head.output.weight", "head.hidden.weight", "backbone.stem.0.weight"):
        apart, moved = (one[name] - two[name]).norm(), (one[name] - begun[name]).norm()
        assert apart < 0.1 * moved, name  # not equal: Adam magnifies the rounding of a gradient near zero


def test_with_batch_normalisation_two_processes_judge_the_network_that_is_kept(together: Path) -> None:
    logits = torch.from_numpy(np.load(together / "with" / "logits.npy"))
    loss = cross_entropy(logits, torch.from_numpy(training.VAL.labels)).item()
    assert float(np.load(together / "with" / "val_loss.npy")) == pytest.approx(loss, abs=1e-5)


def test_without_torchrun_a_process_is_alone() -> None:
    with joined({}) as process:
        assert process == ALONE
        assert process.first


def test_each_image_is_evaluated_by_one_process() -> None:
    parts = [range(10)[own_part(10, Process(rank=rank, world=3))] for rank in range(3)]
    assert [index for part in parts for index in part] == list(range(10))


@pytest.mark.parametrize(("paired", "multiple"), [(False, 6), (True, 12)])
def test_a_batch_that_cannot_be_shared_out_names_one_that_can(config: TrainConfig, paired: bool, multiple: int) -> None:
    config = replace(config, batch_size=32, augmentation=Augmentation(paired=paired))
    with pytest.raises(TrainingError, match=rf"32 images .* 3 processes .* multiple of {multiple}, such as 36"):
        check_shares(config, Process(world=3))
    check_shares(replace(config, batch_size=36), Process(world=3))
