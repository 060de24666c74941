"""The detectors on this machine: downloads them, verifies them before a pointer names them, deletes unused ones."""

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
"""Folders kept although no pointer names them: the newest, for workers that have not switched yet."""


class Downloads(Protocol):
    """What the cache needs of the registry."""

    def download(self, version_or_run_id: str, into: Path) -> Path:
        """Fetch a version's artifact under `into` and return its folder."""


class ArtifactCache:
    """The folder `models`: the pointer files, and the artifacts that they name.

    An artifact is hashed before `check` reads it. With a `public_key` (Ed25519, see `model.detectors.signature`) its
    signature is verified first, too.
    """

    def __init__(self, models: Path, *, check: Check, public_key: signature.PublicKey | None = None) -> None:
        self._models = models
        self._check = check
        self._public_key = public_key

    def holds(self, pointer: Pointer, wanted: ModelVersion) -> bool:
        """Return whether the artifact that `pointer` names is whole, with the hash and signature of `wanted`."""
        try:
            self._prove(self._models / pointer.folder, wanted)
        except Exception:  # a broken artifact may raise anything; it is not what was promised
            return False
        return True

    def is_signed_so(self, pointer: Pointer, wanted: ModelVersion) -> bool:
        """Return whether `wanted` has the signature that was verified for `pointer`, or no signature is required."""
        return self._public_key is None or pointer.signature == _signature(wanted)

    def signature_of(self, wanted: ModelVersion) -> str:
        """Return the signature of `wanted`; empty if it has none, or if no signature is required."""
        return "" if self._public_key is None else _signature(wanted)

    def find(self, wanted: ModelVersion, *, instead_of: Pointer | None) -> Pointer | None:
        """Return a pointer of any alias that names `wanted`, if its artifact is still what was promised; else None.

        `instead_of` is the present pointer of the alias: see `fetch`.
        """
        for pointer in read_pointers(self._models):
            if pointer.names(wanted.version, wanted.run_id) and self.holds(pointer, wanted):
                self._check_issue(self._models / pointer.folder, wanted, instead_of)
                return replace(pointer, signature=_signature(wanted))
        return None

    def fetch(self, wanted: ModelVersion, registry: Downloads, *, instead_of: Pointer | None) -> Pointer:
        """Download `wanted` into the cache, and return a pointer to it that is not written yet.

        Raises ArtifactError when the artifact is not what was promised, or when its signature was issued before the
        signature of `instead_of`. Raises what `registry` raises.
        """
        if not (wanted.version.isascii() and wanted.version.isdecimal()):
            raise ArtifactError(f"the registry calls a version {wanted.version!r}, which is no number")
        self._models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._models, prefix=".fetching-") as scratch:
            fetched = registry.download(wanted.version, Path(scratch) / "artifact")
            self._check_issue(fetched, wanted, instead_of)
            card = self._prove(fetched, wanted)
            folder = self._models / f"{wanted.version}-{card.onnx_sha256[:8]}"
            shutil.rmtree(folder, ignore_errors=True)  # an existing folder was found broken
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
        """Delete the remains of interrupted downloads, and all artifacts without a pointer but the newest SPARE."""
        pointed = {pointer.folder for pointer in read_pointers(self._models)}
        others = [path for path in self._models.iterdir() if path.is_dir() and path.name not in pointed]
        others.sort(key=lambda path: (not path.name.startswith("."), path.stat().st_mtime), reverse=True)
        for folder in others[SPARE:]:
            shutil.rmtree(folder, ignore_errors=True)

    def _prove(self, folder: Path, wanted: ModelVersion) -> Card:
        """Return the card in `folder`; raises ArtifactError if signature, hash or golden outputs are not right."""
        artifact.check_files(folder)
        self._verify(folder, wanted)
        found = artifact.hash_file(folder / artifact.MODEL)
        if (promised := wanted.tags.get(ONNX_SHA256, found)) != found:
            raise ArtifactError(f"version {wanted.version} is {found}, the registry promised {promised}")
        self._check(folder)
        artifact.check_reference(folder)  # the signature is of the card, and the card names the reference
        return artifact.read_card(folder)

    def _verify(self, folder: Path, wanted: ModelVersion) -> int:
        """Return the issue of the signature of `wanted`, 0 if no signature is required. It parses none of the files."""
        if self._public_key is None:
            return 0
        given = _signature(wanted)
        return signature.verify(folder, given, self._public_key, name=wanted.name, version=wanted.version)

    def _check_issue(self, folder: Path, wanted: ModelVersion, instead_of: Pointer | None) -> None:
        if self._public_key is not None:
            signature.check_issue(self._verify(folder, wanted), least=self._issue_of(instead_of, wanted.name))

    def _issue_of(self, pointer: Pointer | None, name: str) -> int:
        """Return the issue of the signature of a pointer to the model `name`; 0 without a valid signature."""
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
