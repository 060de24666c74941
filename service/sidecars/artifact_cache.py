"""The detectors on this machine: fetched, verified before a pointer names them, deleted when no pointer does."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from model.detectors import artifact, signature
from model.detectors.artifact import Card
from model.errors import ArtifactError
from model.registry import ModelVersion
from model.registry.version_tags import ONNX_SHA256
from service.sidecars.detector_check import Check
from service.status.pointer import Pointer, read_pointers

SPARE: Final = 1
"""Folders kept though no pointer names them: the last one, for workers that have not switched yet."""


class Downloads(Protocol):
    """What the cache needs of the registry."""

    def download(self, version_or_run_id: str, into: Path) -> Path:
        """Fetch a version's artifact under `into` and return its folder."""


class ArtifactCache:
    """The folder `models` with the pointer files and the artifacts that these name.

    An artifact is hashed, and with a `public_key` (Ed25519, see `model.detectors.signature`) its signature verified,
    before `check` looks into it.
    """

    def __init__(self, models: Path, *, check: Check, public_key: signature.PublicKey | None = None) -> None:
        self._models = models
        self._check = check
        self._public_key = public_key

    def holds(self, pointer: Pointer, wanted: ModelVersion) -> bool:
        """Tell whether the artifact that `pointer` names is there, what was promised of `wanted`, and signed so."""
        try:
            self._prove(self._models / pointer.folder, wanted)
        except Exception:  # whatever a broken artifact provokes, it is not what was promised
            return False
        return True

    def is_signed_so(self, pointer: Pointer, wanted: ModelVersion) -> bool:
        """Tell whether the signature of `wanted` is the one that was verified for `pointer`, or none is asked for."""
        return self._public_key is None or pointer.signature == _signature(wanted)

    def signature_of(self, wanted: ModelVersion) -> str:
        """Return the signature of `wanted` that is verified, empty where it has none or none is asked for."""
        return "" if self._public_key is None else _signature(wanted)

    def find(self, wanted: ModelVersion, *, instead_of: Pointer | None) -> Pointer | None:
        """Return what points to `wanted`, under whatever alias, if its artifact is still what was promised.

        `instead_of` is what the alias points to now: see `fetch`.
        """
        for pointer in read_pointers(self._models):
            if pointer.names(wanted.version, wanted.run_id) and self.holds(pointer, wanted):
                self._check_issue(self._models / pointer.folder, wanted, instead_of)
                return replace(pointer, signature=_signature(wanted))
        return None

    def fetch(self, wanted: ModelVersion, registry: Downloads, *, instead_of: Pointer | None) -> Pointer:
        """Download `wanted` into the cache; no pointer names it yet.

        Raises ArtifactError when it is not what was promised, or when its signature was issued before that of
        `instead_of`, and what `registry` raises.
        """
        if not (wanted.version.isascii() and wanted.version.isdecimal()):
            raise ArtifactError(f"the registry calls a version {wanted.version!r}, which is no number")
        self._models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._models, prefix=".fetching-") as scratch:
            fetched = registry.download(wanted.version, Path(scratch) / "artifact")
            self._check_issue(fetched, wanted, instead_of)
            card = self._prove(fetched, wanted)
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
            signature=_signature(wanted),
        )

    def clear(self) -> None:
        """Delete the artifacts that no pointer names, but for the newest SPARE, and what an interrupted fetch left."""
        pointed = {pointer.folder for pointer in read_pointers(self._models)}
        others = [path for path in self._models.iterdir() if path.is_dir() and path.name not in pointed]
        others.sort(key=lambda path: (not path.name.startswith("."), path.stat().st_mtime), reverse=True)
        for folder in others[SPARE:]:
            shutil.rmtree(folder, ignore_errors=True)

    def _prove(self, folder: Path, wanted: ModelVersion) -> Card:
        """Return the card in `folder` if that has the promised signature and hash, and computes what it promises."""
        artifact.check_files(folder)
        self._verify(folder, wanted)
        found = artifact.hash_file(folder / artifact.MODEL)
        if (promised := wanted.tags.get(ONNX_SHA256, found)) != found:
            raise ArtifactError(f"version {wanted.version} is {found}, the registry promised {promised}")
        self._check(folder)
        return artifact.read_card(folder)

    def _verify(self, folder: Path, wanted: ModelVersion) -> int:
        """Return the issue of the signature of `wanted`, 0 where none is asked for; understands no file."""
        if self._public_key is None:
            return 0
        given = _signature(wanted)
        return signature.verify(folder, given, self._public_key, name=wanted.name, version=wanted.version)

    def _check_issue(self, folder: Path, wanted: ModelVersion, instead_of: Pointer | None) -> None:
        if self._public_key is not None:
            signature.check_issue(self._verify(folder, wanted), least=self._issue_of(instead_of, wanted.name))

    def _issue_of(self, pointer: Pointer | None, name: str) -> int:
        """Return the issue that a pointer to the model of that name was taken with, 0 for one without a valid one."""
        if pointer is None or pointer.name != name or self._public_key is None:
            return 0
        folder = self._models / pointer.folder
        try:
            return signature.verify(
                folder, pointer.signature, self._public_key, name=pointer.name, version=pointer.version
            )
        except ArtifactError:  # unsigned, signed by an earlier key, or damaged since
            return 0


def _signature(wanted: ModelVersion) -> str:
    return wanted.tags.get(signature.TAG, "")
