"""`python -m model.training`, as the DAG calls it, against a real MLflow server."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset
from torch._inductor.runtime.cache_dir_utils import cache_dir

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest, split_rows
from model.detectors import artifact
from model.detectors.detector import Detector
from model.errors import HOPELESS_STATUS, DatasetError, TrainingError
from model.labels import CLASSES
from model.processes import locked
from model.registry import Registry
from model.settings import Settings
from model.training.__main__ import main
from model.training.config import TrainConfig
from model.training.loop.train import train_detector
from truegrain_rig.process import free_ports


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model.training", *arguments]
    environment = os.environ | settings.to_environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def logged_datasets(settings: Settings, run_id: str) -> list[Dataset]:
    inputs = MlflowClient(settings.tracking_uri).get_run(run_id).inputs.dataset_inputs
    return [logged.dataset for logged in inputs]


def test_the_command_trains_logs_an_artifact_and_prints_json_last(
    settings: Settings,
    dataset: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--dataset", dataset, "--set", "epochs=2", "--set", "batch_size=32"]
    finished = run(settings, *options, "--processes", "2")
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout.splitlines()[-1])
    assert finished.stdout.count("epoch 2/2") == 1
    assert finished.stdout.count("int8 is ") == 1
    registry = Registry(
        settings.tracking_uri, model_name=settings.model_name, lock=tmp_path / "lock", experiment="tests"
    )
    folder = registry.download(result["run_id"], tmp_path / "downloaded")
    assert f"artifact detector: sha256 {artifact.digest(folder)}\n" in finished.stdout
    detector = Detector.load(folder)
    assert detector.card.dataset_version == dataset
    assert detector.card.training["epochs"] == 2
    assert_refers_to_validation_images(folder, Lake(settings.lake_url), dataset)
    monkeypatch.setattr(os, "environ", os.environ | settings.to_environment())
    assert main(options) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == result


def assert_refers_to_validation_images(folder: Path, lake: Lake, dataset: str) -> None:
    rows = split_rows(read_manifest(lake, dataset), "val")
    reference = artifact.read_reference(folder)
    assert reference is not None
    assert [CLASSES[label] for label in reference.label] == rows["label"].tolist()
    for name in ("width", "height", "bytes", "format"):
        assert getattr(reference.sample, name).tolist() == rows[name].tolist()
    assert np.isnan(reference.sample.jpeg_quality).tolist() == rows["jpeg_quality"].isna().tolist()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--dataset", "20200101-0123456789ab"], "'20200101-0123456789ab' is not published"),
        (["--dataset", "any", "--set", "epochs"], "--set takes key=value"),
    ],
)
def test_a_wrong_option_ends_with_a_sentence(
    settings: Settings,
    options: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "environ", os.environ | settings.to_environment())
    assert main(options) == HOPELESS_STATUS
    message = capsys.readouterr().err
    assert message.startswith("training failed: ")
    assert sentence in message


def test_what_is_wrong_with_every_process_is_the_status_of_them_all(settings: Settings) -> None:
    finished = run(settings, "--dataset", "any", "--recipe", "nonsense", "--processes", "2")
    assert finished.returncode == HOPELESS_STATUS
    assert "there is no recipe 'nonsense'" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_processes_of_one_machine_open_no_port_to_others(settings: Settings, dataset: str) -> None:
    """torchrun's store asks for no password, listens everywhere, and unpickles what anybody writes into it."""
    command = [sys.executable, "-m", "model.training", "--dataset", dataset, "--processes", "2", "--set", "epochs=500"]
    environment = os.environ | settings.to_environment()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        try:
            assert run.stdout is not None
            while (line := run.stdout.readline()) and "epoch 1/" not in line:
                pass
            assert line
            process = psutil.Process(run.pid)
            family = [process, *process.children(recursive=True)]
            open_ = [connection for each in family for connection in each.net_connections("tcp")]
            assert len(family) == 3
            assert {each.laddr.ip for each in open_ if each.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
        finally:
            run.kill()
    assert not psutil.wait_procs(family, timeout=10)[1]


def test_what_torch_compiles_lies_where_nobody_else_can_swap_it(
    settings: Settings, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own choice is a folder of /tmp with a name that everybody knows, and pickles in it."""
    seen: list[str] = []
    monkeypatch.setattr(os, "environ", os.environ | settings.to_environment())
    monkeypatch.setattr("model.training.__main__.train_detector", lambda *_, **__: seen.append(cache_dir()) or {})
    assert main(["--dataset", dataset]) == 0
    assert seen == [str(settings.home.resolve() / "compiled")]


def test_a_registry_that_does_not_answer_is_worth_another_try(
    settings: Settings, dataset: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = settings.model_copy(update={"tracking_uri": f"http://127.0.0.1:{free_ports(1)[0]}"})
    monkeypatch.setattr(os, "environ", os.environ | silent.to_environment())
    assert main(["--dataset", dataset]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_a_lock_that_another_training_holds_is_worth_another_try(
    settings: Settings, dataset: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", os.environ | settings.to_environment())
    monkeypatch.setattr("model.training.data.samples.PATIENCE", timedelta(0))
    lock = settings.home / "cache" / f"{dataset}-train-32-v2.lock"
    with locked(lock):
        assert main(["--dataset", dataset]) == 1
    assert f"another process has held {lock}" in capsys.readouterr().err


def test_an_interrupted_training_goes_on_in_the_same_run(
    settings: Settings, dataset: str, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TrainingError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("model.training.loop.train.release", refuse)
        with pytest.raises(TrainingError, match="disk is full"):
            train_detector(settings, config, dataset_version=dataset)
    folder = settings.home / "training" / f"{dataset}-{config.digest()}"
    begun = json.loads((folder / "run.json").read_text())["run_id"]
    assert train_detector(settings, config, dataset_version=dataset)["run_id"] == begun
    assert len(logged_datasets(settings, begun)) == 1


def test_the_run_names_the_dataset_version_it_was_trained_on(
    settings: Settings, dataset: str, config: TrainConfig
) -> None:
    run_id = train_detector(settings, config, dataset_version=dataset)["run_id"]
    (logged,) = logged_datasets(settings, str(run_id))
    manifest = read_manifest(Lake(settings.lake_url), dataset)
    assert (logged.name, logged.digest) == (dataset, dataset.partition("-")[2])
    # The server identifies a dataset by name and digest, and keeps the source that was logged first.
    assert json.loads(logged.source)["uri"].endswith(f"/lake/datasets/{dataset}")
    columns = {column["name"]: column["type"] for column in json.loads(logged.schema)["mlflow_colspec"]}
    assert list(columns) == list(manifest.columns)
    assert (columns["bytes"], columns["ingested_at"], columns["has_icc"]) == ("long", "datetime", "boolean")
    profile = json.loads(logged.profile)
    assert profile.pop("licences") == {"CC0-1.0": 200, "not stated": 40}
    tags = MlflowClient(settings.tracking_uri).get_run(str(run_id)).data.tags
    assert tags["licences"] == "CC0-1.0 (200), not stated (40)"
    assert profile.pop("images") == len(manifest) == sum(profile.values())
    assert profile["train ai"] == len(split_rows(manifest[manifest["label"] == "ai"], "train"))


def test_an_unpublished_version_cannot_be_trained_on(settings: Settings, config: TrainConfig) -> None:
    with pytest.raises(DatasetError, match="none yet"):
        train_detector(settings, config, dataset_version="20200101-0123456789ab")
