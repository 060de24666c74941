"""The detectors on this machine: fetched, verified before a pointer names them, deleted when no pointer does."""

import shutil
import tempfile
from pathlib import Path
from typing import Final, Protocol

from model.detectors import signature
from model.detectors.artifact import Card
from model.detectors.detector import Detector
from model.errors import ArtifactError
from model.registry import ModelVersion
from model.registry.version_tags import ONNX_SHA256
from service.status.pointer import Pointer, read_pointers

SPARE: Final = 1
"""Folders kept though no pointer names them: the last one, for workers that have not switched yet."""


class Downloads(Protocol):
    """What the cache needs of the registry."""

    def download(self, version_or_run_id: str, into: Path) -> Path:
        """Fetch a version's artifact under `into` and return its folder."""


class ArtifactCache:
    """The folder `models` with the pointer files and the artifacts that these name.

    With a `public_key` (Ed25519, see `model.detectors.signature`) only artifacts that its owner has signed are taken.
    """

    def __init__(self, models: Path, *, public_key: signature.PublicKey | None = None) -> None:
        self._models = models
        self._public_key = public_key

    def holds(self, pointer: Pointer, wanted: ModelVersion) -> bool:
        """Tell whether the artifact that `pointer` names is there and what was promised of `wanted`."""
        try:
            self._check(self._models / pointer.folder, wanted)
        except Exception:  # whatever a broken artifact provokes, it is not what was promised
            return False
        return True

    def find(self, wanted: ModelVersion) -> Pointer | None:
        """Return what points to `wanted`, under whatever alias, if its artifact is still what was promised."""
        for pointer in read_pointers(self._models):
            if pointer.names(wanted.version, wanted.run_id) and self.holds(pointer, wanted):
                return pointer
        return None

    def fetch(self, wanted: ModelVersion, registry: Downloads) -> Pointer:
        """Download `wanted` into the cache; no pointer names it yet.

        Raises ArtifactError when it is not what was promised, and what `registry` raises.
        """
        self._models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._models, prefix=".fetching-") as scratch:
            fetched = registry.download(wanted.version, Path(scratch) / "artifact")
            card = self._check(fetched, wanted)
            folder = self._models / f"{wanted.version}-{card.onnx_sha256[:8]}"
            shutil.rmtree(folder, ignore_errors=True)  # it is there only if it was found broken
            fetched.rename(folder)
        return Pointer(
            name=wanted.name,
            version=wanted.version,
            run_id=wanted.run_id,
            folder=folder.name,
            sha256=card.onnx_sha256,
            dataset_version=card.dataset_version,
        )

    def clear(self) -> None:
        """Delete the artifacts that no pointer names, but for the newest SPARE, and what an interrupted fetch left."""
        pointed = {pointer.folder for pointer in read_pointers(self._models)}
        others = [path for path in self._models.iterdir() if path.is_dir() and path.name not in pointed]
        others.sort(key=lambda path: (not path.name.startswith("."), path.stat().st_mtime), reverse=True)
        for folder in others[SPARE:]:
            shutil.rmtree(folder, ignore_errors=True)

    def _check(self, folder: Path, wanted: ModelVersion) -> Card:
        """Return the card in `folder` if that computes what it promises and has the promised hash and signature."""
        card = Detector.load(folder).card
        if (promised := wanted.tags.get(ONNX_SHA256, card.onnx_sha256)) != card.onnx_sha256:
            raise ArtifactError(f"version {wanted.version} is {card.onnx_sha256}, the registry promised {promised}")
        if self._public_key is not None:
            signature.verify(folder, wanted.tags.get(signature.TAG, ""), self._public_key)
        return card
