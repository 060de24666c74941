"""Downloads files of runs within a size limit: anyone with write access to the registry can change the files."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from model.detectors import artifact
from model.errors import ArtifactError, RegistryError
from model.registry.client import MISSING, skipped_on

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_BYTES = 256_000_000
"""Largest file that is read into memory, unless the caller sets another limit. The largest files are reports."""


def fetch_artifact(client: "MlflowClient", run_id: str, variant: str, into: Path) -> Path:
    """Download a variant of a run's artifact into the folder `into`, which is created if missing; return the folder.

    Raises ArtifactError if a file is too large, is missing or is a folder. All sizes are checked before the first
    download, and again after each download.
    """
    into.mkdir(parents=True, exist_ok=True)
    sizes = _list_sizes(client, run_id, variant)
    if missing := [name for name in artifact.FILES if name not in sizes]:
        raise _no_file(run_id, variant, missing)
    names = [name for name in (*artifact.FILES, artifact.REFERENCE) if name in sizes]
    for name in names:
        artifact.check_size(name, sizes[name])
    for name in names:
        path = Path(client.download_artifacts(run_id, f"{variant}/{name}", str(into)))
        if not path.is_file():  # it may have been replaced meanwhile
            raise _no_file(run_id, variant, [name])
        artifact.check_size(name, path.stat().st_size)
    return into


def fetch_file(client: "MlflowClient", run_id: str, artifact_file: str, *, most_bytes: int) -> bytes | None:
    """Return the content of a run's file, None if the run lacks it; RegistryError if larger than `most_bytes`."""
    folder, _, name = artifact_file.rpartition("/")
    size = _list_sizes(client, run_id, folder).get(name)
    if size is None:
        return None
    _require_size(artifact_file, size, most_bytes)
    with tempfile.TemporaryDirectory() as aside, skipped_on(*MISSING):
        path = Path(client.download_artifacts(run_id, artifact_file, aside))
        if not path.is_file():  # it may have been replaced meanwhile
            raise RegistryError(f"'{artifact_file}' of the run has become a folder: check who wrote it")
        _require_size(artifact_file, path.stat().st_size, most_bytes)
        return path.read_bytes()
    return None


def _list_sizes(client: "MlflowClient", run_id: str, folder: str) -> dict[str, int]:
    """Return the sizes in bytes of the files in a folder of a run, by name; empty if there is no such folder."""
    with skipped_on(*MISSING):
        entries = client.list_artifacts(run_id, folder or None)
        return {Path(entry.path).name: entry.file_size or 0 for entry in entries if not entry.is_dir}
    return {}


def _no_file(run_id: str, variant: str, names: list[str]) -> ArtifactError:
    return ArtifactError(
        f"run {run_id} has no file {', '.join(names)} in '{variant}': check who wrote to the run, or train again"
    )


def _require_size(artifact_file: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise RegistryError(
            f"'{artifact_file}' of the run has {size:,} bytes, at most {most_bytes:,} are read: check who wrote it"
        )
