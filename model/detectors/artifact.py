"""Reads and writes a released detector: a folder with model.onnx, card.json, golden.npz and perhaps reference.npz."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict

from model.detectors.domain import Domain
from model.detectors.npz import read_arrays
from model.detectors.reference import MOST_BYTES as MOST_BYTES_OF_REFERENCE
from model.detectors.reference import unpack_reference
from model.detectors.traffic_sample import Reference
from model.detectors.training_data import TrainingData
from model.errors import ArtifactError
from model.images.preprocess import Preprocess
from model.record import Record

MODEL = "model.onnx"
CARD = "card.json"
GOLDEN = "golden.npz"
FILES = (MODEL, CARD, GOLDEN)
"""The files of every artifact."""

REFERENCE = "reference.npz"
"""The images that traffic is compared with. Artifacts of earlier releases have none, and are served without."""

MOST_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {MODEL: 2_147_483_647, CARD: 100_000, GOLDEN: 256_000_000, REFERENCE: MOST_BYTES_OF_REFERENCE}
)
"""Largest size of each file, and of the arrays in an archive. For the model it is what ONNX allows in one file."""


def _of_first_version(preprocess: Any) -> Any:
    """Add the version to preprocessing that was stored before it had versions."""
    return {"version": 1} | preprocess if isinstance(preprocess, dict) else preprocess


@dataclass(frozen=True, kw_only=True)
class Card(Record):
    """What is known about a detector.

    `preprocess` is how images become pixels, in training as in serving. In cards of earlier releases it has no version.
    `threshold`, `operating_points` (by false-positive rate, such as "0.01") and `band` are calibrated probabilities of
    AI. `operating_bounds` are the 95 % upper confidence limits of the false-positive rates at the operating points.
    `calibrated_on` counts the images that all of these come from, by class. A card of an earlier release has neither.
    A probability inside `band` is 'unsure'. Outside `band` at most a share `alpha` of each class is decided wrongly,
    with 95 % confidence (see `model.detectors.calibration.conformal_band`). `reference` holds the hash of reference.npz
    under `sha256`, and is empty without this file. `training` is the configuration the network was trained with.
    `trained_on` and `domain` are None in a card of an earlier release.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False, str_max_length=1_000)
    kind: ClassVar = f"{CARD} of a detector"
    indent: ClassVar = 2
    refusal: ClassVar = ArtifactError

    name: str
    preprocess: Annotated[Preprocess, BeforeValidator(_of_first_version)]
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
    trained_on: TrainingData | None = None
    domain: Domain | None = None
    operating_bounds: Mapping[str, float] = field(default_factory=dict)
    calibrated_on: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Golden:
    """A few inputs and the outputs they must give, computed when the artifact was made.

    `pixels` is [n, H, W, 3] uint8, `probability` [n] float32 and `cam` [n, h, w] float32, with n >= 1. `embedding` is
    [n, d] float32 and `distance` [n] float32; each is None for a graph without this output.
    """

    pixels: NDArray[np.uint8]
    probability: NDArray[np.float32]
    cam: NDArray[np.float32]
    embedding: NDArray[np.float32] | None = None
    distance: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Artifact:
    """An artifact in memory; `model` is the serialised ONNX graph whose hash the card names."""

    model: bytes
    card: Card
    golden: Golden


def write(folder: Path, *, model: bytes, card: Card, golden: Golden, reference: bytes | None = None) -> None:
    """Write an artifact into `folder`, the card last, so that a folder with a card is complete.

    `reference` is what `model.detectors.reference.pack_reference` gives. Raises ArtifactError when `card` names the
    hash of another `model` or `reference`.
    """
    _check_hash(model, card)
    if reference is not None:
        _check_reference(reference, card)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(model)
    np.savez(folder / GOLDEN, **{name: array for name, array in vars(golden).items() if array is not None})
    if reference is not None:
        (folder / REFERENCE).write_bytes(reference)
    (folder / CARD).write_text(card.to_json())


def read(folder: Path) -> Card:
    """Return the card of the artifact in `folder` after checking that all of it is there and unaltered.

    Raises ArtifactError as `load` does.
    """
    return load(folder).card


def load(folder: Path) -> Artifact:
    """Read an artifact; raises ArtifactError if a file is missing or unreadable, or the model's hash is not the card's.

    The graph itself is not run here; `model.detectors.detector.Detector.load` also checks the golden outputs.
    """
    check_files(folder)
    card = read_card(folder)
    model = (folder / MODEL).read_bytes()
    _check_hash(model, card)
    return Artifact(model, card, _read_golden(folder / GOLDEN))


def read_card(folder: Path) -> Card:
    """Return the card in `folder` without looking at the model; raises ArtifactError for a file that is no card."""
    check_size(CARD, (folder / CARD).stat().st_size)
    return Card.from_json((folder / CARD).read_bytes())


def read_reference(folder: Path) -> Reference | None:
    """Return the images that the traffic of the artifact in `folder` is compared with, None if its card names none.

    Raises ArtifactError if the file is missing, cannot be read, or has another hash than the card says.
    """
    data = _read_reference(folder)
    return None if data is None else unpack_reference(data)


def check_reference(folder: Path) -> None:
    """Raise ArtifactError when reference.npz in `folder` is not that of the card, or is missing although there is one.

    Understands no format but the card's. Verdicts do without a reference, but no drift could be measured.
    """
    _read_reference(folder)


def list_files(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that the artifact in `folder` has."""
    return (*FILES, REFERENCE) if (folder / REFERENCE).is_file() else FILES


def check_files(folder: Path) -> None:
    """Raise ArtifactError if a file of the artifact in `folder` is missing or too large; the files are not read."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ArtifactError(f"{folder} is no complete artifact: {', '.join(missing)} missing")
    for name in list_files(folder):
        check_size(name, (folder / name).stat().st_size)


def check_size(name: str, size: int) -> None:
    """Raise ArtifactError when a file of that name is larger than MOST_BYTES allows; `size` is in bytes."""
    if size > MOST_BYTES[name]:
        raise ArtifactError(
            f"{name} has {size:,} bytes, at most {MOST_BYTES[name]:,} are allowed: train again to make a new artifact"
        )


def sum_files(folder: Path) -> str:
    """Return the lines that `sha256sum model.onnx card.json golden.npz` prints in `folder`; parses none of the files.

    Raises ArtifactError as `check_files` does.
    """
    check_files(folder)
    return "".join(f"{hash_file(folder / name)}  {name}\n" for name in FILES)


def digest(folder: Path) -> str:
    """Return the SHA-256 of what `sum_files` returns: one hash, in hexadecimal, for the whole artifact.

    The card holds the hash of reference.npz, so this hash stands for reference.npz too. Raises ArtifactError as
    `check_files` does.
    """
    return sha256(sum_files(folder).encode())


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, without holding it in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal, as a card holds it."""
    return hashlib.sha256(data).hexdigest()


def _check_hash(model: bytes, card: Card) -> None:
    if (found := sha256(model)) != card.onnx_sha256:
        raise ArtifactError(f"{MODEL} was altered: its SHA-256 is {found}, the card says {card.onnx_sha256}")


def _read_reference(folder: Path) -> bytes | None:
    path = folder / REFERENCE
    try:
        card = read_card(folder)
        if not path.is_file() and "sha256" not in card.reference:
            return None
        check_size(REFERENCE, path.stat().st_size)
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} and its {CARD} cannot be read: {error}") from error
    _check_reference(data, card)
    return data


def _check_reference(data: bytes, card: Card) -> None:
    promised = card.reference.get("sha256", "it has none")
    if (found := sha256(data)) != promised:
        raise ArtifactError(
            f"{REFERENCE} is not the reference of this model: its SHA-256 is {found}, the card says {promised}"
        )


def _read_golden(path: Path) -> Golden:
    try:
        arrays = read_arrays(path.read_bytes(), most_bytes=MOST_BYTES[GOLDEN])
        golden = Golden(
            arrays["pixels"], arrays["probability"], arrays["cam"], arrays.get("embedding"), arrays.get("distance")
        )
    except (OSError, KeyError, ValueError) as error:
        raise ArtifactError(f"{path} holds no golden arrays pixels, probability and cam: {error}") from error
    outputs = [golden.probability, golden.cam, golden.embedding, golden.distance]
    lengths = {len(output) for output in outputs if output is not None}
    if not len(golden.pixels) >= 1 or lengths != {len(golden.pixels)}:
        raise ArtifactError(f"{path} must hold equally many inputs and outputs, at least one")
    return golden
