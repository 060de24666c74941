"""Loads a released artifact, checks it, and scores pixels with onnxruntime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from model.detectors import artifact
from model.detectors.artifact import Card, Golden
from model.errors import ArtifactError

TOLERANCE = 1e-4
"""How far an output may be from its golden value, for values up to 1; larger values may be off in proportion.

It exceeds the noise of float32 on another processor, and is too small to change a verdict.
"""

EMBEDDING_TOLERANCE = 0.05
"""TOLERANCE for embedding and distance: whitening makes small axes as large as large ones, with their noise."""

Device = Literal["cpu", "cuda"]
"""Where a detector scores."""

_CPU: Final = "CPUExecutionProvider"
_CUDA: Final = "CUDAExecutionProvider"
_EXACT: Final = {"use_tf32": "0"}
"""TF32 would round so much that outputs miss their golden values."""

_OUTPUTS = ("probability", "cam")
_LATER_OUTPUTS = ("embedding", "distance")
"""Outputs that graphs of earlier releases lack."""


@dataclass(frozen=True)
class Scores:
    """What a detector says: `probability` of AI [N] float32 in [0, 1]; `cam` [N, h, w] float32, high where AI shows.

    `embedding` [N, d] float32 holds the whitened features: mean 0 and covariance 1 on training images (see
    `model.training.release.whitening`). `distance` [N] float32 is that from the training images, in standard
    deviations. Both are None for a detector that was released without.
    """

    probability: NDArray[np.float32]
    cam: NDArray[np.float32]
    embedding: NDArray[np.float32] | None = None
    distance: NDArray[np.float32] | None = None

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate batches, at least one, of the same detector."""
        given = {name: [getattr(part, name) for part in parts] for name in vars(parts[0])}
        outputs: Any = {name: None if found[0] is None else np.concatenate(found) for name, found in given.items()}
        return cls(**outputs)

    def take(self, images: slice) -> Self:
        """Return the scores of some of the images."""
        outputs: Any = {name: None if found is None else found[images] for name, found in vars(self).items()}
        return type(self)(**outputs)


class Detector:
    """A checked artifact that scores pixels. Scoring is thread-safe.

    Load it after a fork, because its thread pool does not survive a fork. `size_bytes` is the size of the graph, with
    all of its weights.
    """

    def __init__(self, card: Card, session: onnxruntime.InferenceSession, *, size_bytes: int) -> None:
        self.card = card
        self.device = device_of(session)
        self.size_bytes = size_bytes
        self.preprocess = card.preprocess
        self._session = session
        self._running = onnxruntime.RunOptions()

    @property
    def knows_domain(self) -> bool:
        """Whether the detector can tell which images are like those that it was trained on."""
        return self.card.domain is not None

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1, device: Device = "cpu") -> Self:
        """Load the artifact in `folder`, using `threads` threads for each call of `score`.

        Without a usable `device`, the detector runs on the CPU; its own `device` says where it runs.

        Raises ArtifactError when it is incomplete or altered, when onnxruntime cannot run it, or when it does not
        reproduce its golden outputs on this machine.
        """
        loaded = artifact.load(folder)
        detector = cls(
            loaded.card, open_session(loaded.model, threads=threads, device=device), size_bytes=len(loaded.model)
        )
        detector._check(loaded.golden)
        return detector

    def score(self, pixels: NDArray[np.uint8]) -> Scores:
        """Score a batch [N, size, size, 3] of images that `preprocess` returned; fails after `stop`."""
        return score(self._session, pixels, self._running)

    def stop(self) -> None:
        """End every call of `score`, in whatever thread, between two nodes of the graph."""
        self._running.terminate = True

    def _check(self, golden: Golden) -> None:
        if golden.pixels.shape[1:] != (self.preprocess.size, self.preprocess.size, 3):
            raise ArtifactError(
                f"golden inputs {golden.pixels.shape} are not of the card's size {self.preprocess.size}"
            )
        try:
            # One by one although they would fit one batch: a graph exported with a fixed batch size fails here.
            scores = Scores.join([self.score(image[np.newaxis]) for image in golden.pixels])
        except Exception as error:  # onnxruntime's errors share no narrower base class
            raise ArtifactError(f"the model cannot be run: {error}") from error
        _compare("probability", scores.probability, golden.probability, TOLERANCE)
        _compare("cam", scores.cam, golden.cam, TOLERANCE)
        for name in _LATER_OUTPUTS:
            if (expected := getattr(golden, name)) is not None:
                _compare(name, getattr(scores, name), expected, EMBEDDING_TOLERANCE)
        if self.knows_domain and scores.distance is None:
            raise ArtifactError("the card has a limit of the domain, but the model has no output distance")


def open_session(model: bytes, *, threads: int, device: Device = "cpu") -> onnxruntime.InferenceSession:
    """Make a serialised graph ready to run; raises ArtifactError when onnxruntime refuses it.

    onnxruntime itself falls back to the CPU, with a warning, if the device cannot be used.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    # Weights outside model.onnx escape its hash: point the search for them at a folder that cannot exist.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", "/dev/null/refused")
    try:
        return onnxruntime.InferenceSession(model, options, providers=_providers(device))
    except Exception as error:  # onnxruntime's errors share no narrower base class
        raise ArtifactError(f"onnxruntime refuses {artifact.MODEL}: {error}") from error


def device_of(session: onnxruntime.InferenceSession) -> Device:
    """Return where a session runs: 'cuda' if onnxruntime could use the GPU, else 'cpu'."""
    return "cuda" if _CUDA in session.get_providers() else "cpu"


def _providers(device: Device) -> list[Any]:
    """Return onnxruntime's providers for a device, best first; a build without CUDA has no such provider."""
    on_gpu = device == "cuda" and _CUDA in onnxruntime.get_available_providers()
    return [(_CUDA, _EXACT), _CPU] if on_gpu else [_CPU]


def score(
    session: onnxruntime.InferenceSession, pixels: NDArray[np.uint8], options: onnxruntime.RunOptions | None = None
) -> Scores:
    """Run a graph on a batch [N, size, size, 3]; an output that the graph lacks is None."""
    given = {output.name for output in session.get_outputs()}
    outputs = [*_OUTPUTS, *(name for name in _LATER_OUTPUTS if name in given)]
    return Scores(**dict(zip(outputs, session.run(outputs, {"pixels": pixels}, options), strict=True)))


def _compare(output: str, found: NDArray[np.float32] | None, golden: NDArray[np.float32], tolerance: float) -> None:
    if found is None:
        raise ArtifactError(f"the model has no output {output}, but the artifact has golden values for it")
    if found.shape != golden.shape:
        raise ArtifactError(f"output {output} has shape {found.shape}, the golden one {golden.shape}")
    difference, allowed = np.abs(found - golden).max(), tolerance * max(1, np.abs(golden).max())
    if not difference <= allowed:  # not the same as `>`: a NaN is refused
        raise ArtifactError(f"output {output} is {difference:.2g} away from its golden value, allowed is {allowed:.2g}")
