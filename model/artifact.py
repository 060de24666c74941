"""Artifact: what a released detector is, a folder with model.onnx, card.json and golden.npz."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from model.errors import ArtifactError

MODEL = "model.onnx"
CARD = "card.json"
GOLDEN = "golden.npz"
FILES = (MODEL, CARD, GOLDEN)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known about a detector.

    `threshold`, `operating_points` (by false-positive rate, such as "0.01") and `band` are calibrated probabilities of
    AI; a probability inside `band` is 'unsure', and outside it at most a share `alpha` of each class is decided wrongly
    (see `model.calibration.conformal_band`). `reference` is the distribution that drift is measured against and
    `training` the configuration the network was trained with.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    preprocess: Mapping[str, int]
    threshold: float
    operating_points: Mapping[str, float]
    band: tuple[float, float]
    alpha: float
    classes: tuple[str, ...]
    metrics: Mapping[str, object]
    reference: Mapping[str, object]
    dataset_version: str
    git_revision: str
    training: Mapping[str, object]
    onnx_sha256: str

    def to_json(self) -> str:
        """Write the card as indented JSON."""
        return _CARD.dump_json(self, indent=2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a card; raises ArtifactError for a missing or unknown key or a value of the wrong type."""
        try:
            return _CARD.validate_json(text)  # type: ignore[return-value]  # Card is never subclassed
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors())
            raise ArtifactError(f"{CARD} cannot be understood: {problems}") from error


_CARD = TypeAdapter(Card)


@dataclass(frozen=True)
class Golden:
    """A few inputs and the outputs they must give, computed when the artifact was made.

    Shapes: `pixels` [n, H, W, 3] uint8, `probability` [n] float32, `cam` [n, h, w] float32, with n >= 1.
    """

    pixels: NDArray[np.uint8]
    probability: NDArray[np.float32]
    cam: NDArray[np.float32]


@dataclass(frozen=True)
class Artifact:
    """An artifact in memory; `model` is the serialised ONNX graph whose hash the card names."""

    model: bytes
    card: Card
    golden: Golden


def write(folder: Path, *, model: bytes, card: Card, golden: Golden) -> None:
    """Write an artifact into `folder`, the card last, so that a folder with a card is complete.

    Raises ArtifactError when `card.onnx_sha256` is not the hash of `model`.
    """
    _check_hash(model, card)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(model)
    np.savez(folder / GOLDEN, pixels=golden.pixels, probability=golden.probability, cam=golden.cam)
    (folder / CARD).write_text(card.to_json())


def read(folder: Path) -> Card:
    """Return the card of the artifact in `folder` after checking that all of it is there and unaltered."""
    return load(folder).card


def load(folder: Path) -> Artifact:
    """Read an artifact; raises ArtifactError when a file is missing, unreadable, or the model's hash is not the card's.

    The graph itself is not run here; `model.detector.Detector.load` also checks the golden outputs.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ArtifactError(f"{folder} is no complete artifact: {', '.join(missing)} missing")
    card = Card.from_json((folder / CARD).read_bytes())
    model = (folder / MODEL).read_bytes()
    _check_hash(model, card)
    return Artifact(model, card, _read_golden(folder / GOLDEN))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal, as a card's `onnx_sha256` holds it."""
    return hashlib.sha256(data).hexdigest()


def _check_hash(model: bytes, card: Card) -> None:
    if (found := sha256(model)) != card.onnx_sha256:
        raise ArtifactError(f"{MODEL} was altered: its SHA-256 is {found}, the card says {card.onnx_sha256}")


def _read_golden(path: Path) -> Golden:
    try:
        # From memory: given a path, NumPy leaks the open file when it is no archive.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            golden = Golden(arrays["pixels"], arrays["probability"], arrays["cam"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} holds no golden arrays pixels, probability and cam: {error}") from error
    if not len(golden.pixels) == len(golden.probability) == len(golden.cam) >= 1:
        raise ArtifactError(f"{path} must hold equally many inputs and outputs, at least one")
    return golden
