"""Several processes do what one would."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from model.errors import TrainingError
from model.training.config import Augmentation, TrainConfig
from model.training.distributed import ALONE, Process, check_shares, joined, own_part
from support import distributed_training


def test_two_processes_train_the_weights_that_one_trains(tmp_path: Path) -> None:
    paths = os.pathsep.join((str(Path(distributed_training.__file__).parent), *filter(None, sys.path)))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        distributed_training.__file__,
    ]
    (tmp_path / "two").mkdir()
    variables = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [*command, str(tmp_path / "two")], env=variables, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    alone = distributed_training.train(tmp_path / "one", ALONE)
    np.testing.assert_allclose(np.load(tmp_path / "two" / "logits.npy"), alone, atol=1e-2)
    one, two = (load_file(tmp_path / name / "best.safetensors") for name in ("one", "two"))
    begun = distributed_training.begin().state_dict()
    assert one.keys() == two.keys() == begun.keys()
    for name in ("output.weight", "backbone.conv1.0.weight", "norm.running_mean", "norm.running_var"):
        apart, moved = (one[name] - two[name]).norm(), (one[name] - begun[name]).norm()
        assert apart < 0.1 * moved, name  # not equal: Adam makes much of the rounding of a gradient near zero


def test_without_torchrun_a_process_is_alone() -> None:
    with joined({}) as place:
        assert place == ALONE
        assert place.first


def test_each_image_is_evaluated_by_one_process() -> None:
    parts = [range(10)[own_part(10, Process(rank=rank, world=3))] for rank in range(3)]
    assert [index for part in parts for index in part] == list(range(10))


@pytest.mark.parametrize(("paired", "multiple"), [(False, 6), (True, 12)])
def test_a_batch_that_cannot_be_shared_out_names_one_that_can(config: TrainConfig, paired: bool, multiple: int) -> None:
    config = replace(config, batch_size=32, augmentation=Augmentation(paired=paired))
    with pytest.raises(TrainingError, match=rf"32 images .* 3 processes .* multiple of {multiple}, such as 36"):
        check_shares(config, Process(world=3))
    check_shares(replace(config, batch_size=36), Process(world=3))
