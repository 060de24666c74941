"""Trains a detector on a dataset version and logs its artifact to MLflow; resumes an interrupted training."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from upath import UPath

from model.dataset.lake import Lake
from model.dataset.manifest import SCHEMA, read_manifest
from model.detectors import artifact
from model.files import write_text
from model.images.preprocess import Preprocess
from model.registry import FULL, INT8, Run, connect
from model.settings import Settings
from model.sources.labelled_image import NOT_STATED
from model.training.config import TrainConfig
from model.training.data.description import describe_training
from model.training.data.samples import Samples, input_size, load_samples
from model.training.distributed import ALONE, Process
from model.training.loop.checkpoint import Progress
from model.training.loop.fit import Epoch, fit
from model.training.loop.frozen import encode, fit_head
from model.training.network.network import Network, build_network
from model.training.network.weights import find_packaged
from model.training.release.quantise import release_int8
from model.training.release.release import release

LICENCES: Final = "licences"
"""Tag of a run: the licences in its dataset version, each with its number of images."""


def train_detector(
    settings: Settings, config: TrainConfig, *, dataset_version: str, process: Process = ALONE
) -> dict[str, object]:
    """Train `config` on a dataset version, or resume such a training; repeating the call returns the same result.

    The result has run_id (the MLflow run that holds the artifact), dataset_version, best_epoch, val_loss (nats) and
    seconds. With several processes only the first process logs, releases and returns a result; the others return {}.
    """
    folder = _folder(settings, config, dataset_version)
    done = folder / "result.json"
    if done.exists():
        finished: dict[str, object] = json.loads(done.read_text())
        if process.first:
            print(f"already trained with this recipe (change the seed to train again): {folder}", flush=True)
        return finished
    started = time.monotonic()
    train_samples, val_samples = _load(settings, config, dataset_version)
    size = train_samples.pixels.shape[1]
    network = build_network(config, size=size, pretrained_file=_find_weights(settings, config))
    if not process.first:
        if not config.frozen:  # one process is enough for a head
            fit(network, train_samples, val_samples, config, folder=folder, report=_keep_quiet, process=process)
        return {}
    registry = connect(settings)
    params = config.flat() | {"input_size": size, "dataset_version": dataset_version}
    lake = Lake(settings.lake_url)
    licences = _count_licences(lake, dataset_version)
    tags = {LICENCES: ", ".join(f"{licence} ({images})" for licence, images in licences.items())}
    with registry.run(f"train {dataset_version}", params=params, tags=tags, run_id=_begun(folder)) as run:
        _remember(folder, run)
        _log_dataset(run, lake, dataset_version, licences=licences)
        report = _reporter(run, config)
        if config.frozen:
            train_samples, val_samples = (
                encode(network, samples, config, lake=lake) for samples in (train_samples, val_samples)
            )
            progress = fit_head(network, train_samples, val_samples, config, lake=lake, folder=folder, report=report)
        else:
            progress = fit(network, train_samples, val_samples, config, folder=folder, report=report, process=process)
        _publish(run, network, train_samples, val_samples, config, progress, settings=settings, version=dataset_version)
    result = _result(run, dataset_version, progress, seconds=time.monotonic() - started)
    write_text(UPath(done), json.dumps(result))
    return result


def _load(settings: Settings, config: TrainConfig, version: str) -> tuple[Samples, Samples]:
    lake = Lake(settings.lake_url)
    preprocess = Preprocess(input_size(read_manifest(lake, version), largest=config.size))
    cache = settings.home / "cache"
    train_samples, val_samples = (
        load_samples(lake, version, split, preprocess, cache=cache, leave_out=config.leave_out)
        for split in ("train", "val")
    )
    return train_samples, val_samples


def _find_weights(settings: Settings, config: TrainConfig) -> str:
    """Return the file of pretrained weights: the one that is set, or that of an installed package; '' is the hub."""
    if settings.pretrained or config.pretrained == "never":
        return settings.pretrained
    return find_packaged(config.backbone, cache=settings.home / "cache")


def _begun(folder: Path) -> str | None:
    """Return the MLflow run of an interrupted training, or None for a new training."""
    begun = folder / "run.json"
    return str(json.loads(begun.read_text())["run_id"]) if begun.exists() else None


def _remember(folder: Path, run: Run) -> None:
    write_text(UPath(folder / "run.json"), json.dumps({"run_id": run.id}))


def _count_licences(lake: Lake, version: str) -> dict[str, int]:
    """Count the images of a version by licence, largest count first."""
    licences = read_manifest(lake, version, columns=("licence",))["licence"].fillna(NOT_STATED)
    return {str(licence): int(images) for licence, images in licences.value_counts().items()}


def _log_dataset(run: Run, lake: Lake, version: str, *, licences: Mapping[str, int]) -> None:
    rows = read_manifest(lake, version, columns=("split", "label"))
    images = (rows["split"] + " " + rows["label"]).value_counts()
    run.log_dataset(
        version,
        digest=version.rpartition("-")[2],
        source=str(lake.version_path(version)),
        schema=SCHEMA,
        profile={
            "images": len(rows),
            **{str(kind): int(count) for kind, count in images.items()},
            "licences": dict(licences),
        },
    )


def _publish(
    run: Run,
    network: Network,
    train: Samples,
    val: Samples,
    config: TrainConfig,
    progress: Progress,
    *,
    settings: Settings,
    version: str,
) -> None:
    """Release the network and log the artifact; log the int8 variant, too, if it is fast enough."""
    folder = _folder(settings, config, version)
    metrics: Mapping[str, object] = {"best_epoch": progress.best_epoch, "val_loss": progress.best_loss}
    release(
        network,
        train,
        val,
        config,
        name=settings.model_name,
        dataset_version=version,
        git_revision=settings.revision or _git_revision(),
        metrics=metrics,
        trained_on=describe_training(Lake(settings.lake_url), version, leave_out=config.leave_out),
        folder=folder / "artifact",
    )
    _log_artifact(run, folder / "artifact", FULL)
    if config.int8:
        speed = release_int8(folder / "artifact", val, folder=folder / "artifact-int8")
        print(speed, flush=True)
        if speed.worth:
            _log_artifact(run, folder / "artifact-int8", INT8)


def _log_artifact(run: Run, folder: Path, variant: str) -> None:
    """Log an artifact and print its hash. A signer compares it, because others may be able to change the registry."""
    run.log_artifact(folder, variant=variant)
    print(f"artifact {variant}: sha256 {artifact.digest(folder)}", flush=True)


def _folder(settings: Settings, config: TrainConfig, version: str) -> Path:
    """Return the folder with checkpoints and results of a training; each config has its own folder."""
    return settings.home / "training" / f"{version}-{config.digest()}"


def _reporter(run: Run, config: TrainConfig) -> Callable[[Epoch], None]:
    """Return a function that prints an epoch and logs it to the run."""

    def report(epoch: Epoch) -> None:
        print(
            f"epoch {epoch.number}/{config.epochs}: train loss {epoch.train_loss:.4f}, "
            f"val loss {epoch.val_loss:.4f}, val accuracy {epoch.val_accuracy:.2%}, "
            f"{epoch.seconds:.1f} s, {epoch.images_per_second:.0f} images/s",
            flush=True,
        )
        metrics = {name: value for name, value in asdict(epoch).items() if name != "number"}
        run.log_metrics(metrics, step=epoch.number)

    return report


def _keep_quiet(_: Epoch) -> None:
    """Report nothing; for all processes except the first."""


def _result(run: Run, version: str, progress: Progress, *, seconds: float) -> dict[str, object]:
    return {
        "run_id": run.id,
        "dataset_version": version,
        "best_epoch": progress.best_epoch,
        "val_loss": progress.best_loss,
        "seconds": round(seconds, 1),
    }


def _git_revision() -> str:
    """Return the Git revision of this checkout, or 'unknown' outside a checkout."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
