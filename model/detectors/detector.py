"""Loads a released artifact, checks it, and scores pixels with onnxruntime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from model.detectors import artifact
from model.detectors.artifact import Card, Golden
from model.errors import ArtifactError
from model.images.preprocess import Preprocess

TOLERANCE = 1e-4
"""How far an output may be from its golden value, for values up to 1; larger values may be off in proportion.

It exceeds the noise of float32 on another processor, and is too small to change a verdict.
"""

EMBEDDING_TOLERANCE = 0.05
"""TOLERANCE for the embedding: whitening makes small axes as large as large ones, and their noise with them."""

_OUTPUTS = ("probability", "cam")
_EMBEDDING = "embedding"


@dataclass(frozen=True)
class Scores:
    """What a detector says: `probability` of AI [N] float32 in [0, 1]; `cam` [N, h, w] float32, high where AI shows.

    `embedding` [N, d] float32 holds the whitened features: mean 0 and covariance 1 on the images of the reference (see
    `model.training.release.whitening`). None for a detector that was released without.
    """

    probability: NDArray[np.float32]
    cam: NDArray[np.float32]
    embedding: NDArray[np.float32] | None = None

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate batches, at least one, of the same detector."""
        embeddings = [part.embedding for part in parts if part.embedding is not None]
        return cls(
            np.concatenate([part.probability for part in parts]),
            np.concatenate([part.cam for part in parts]),
            np.concatenate(embeddings) if embeddings else None,
        )

    def take(self, images: slice) -> Self:
        """Return the scores of some of the images."""
        embedding = None if self.embedding is None else self.embedding[images]
        return type(self)(self.probability[images], self.cam[images], embedding)


class Detector:
    """A checked artifact that scores pixels. Scoring is thread-safe.

    Load it after a fork, because its thread pool does not survive a fork. `size_bytes` is the size of the graph, with
    all of its weights.
    """

    def __init__(self, card: Card, session: onnxruntime.InferenceSession, *, size_bytes: int) -> None:
        self.card = card
        self.size_bytes = size_bytes
        self.preprocess = Preprocess(**card.preprocess)
        self._session = session
        self._running = onnxruntime.RunOptions()

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load the artifact in `folder`, using `threads` threads for each call of `score`.

        Raises ArtifactError when it is incomplete or altered, when onnxruntime cannot run it, or when it does not
        reproduce its golden outputs on this machine.
        """
        loaded = artifact.load(folder)
        detector = cls(loaded.card, open_session(loaded.model, threads=threads), size_bytes=len(loaded.model))
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
        if golden.embedding is not None:
            _compare(_EMBEDDING, scores.embedding, golden.embedding, EMBEDDING_TOLERANCE)


def open_session(model: bytes, *, threads: int) -> onnxruntime.InferenceSession:
    """Make a serialised graph ready to run; raises ArtifactError when onnxruntime refuses it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    # Weights outside model.onnx escape its hash: point the search for them at a folder that cannot exist.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", "/dev/null/refused")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no narrower base class
        raise ArtifactError(f"onnxruntime refuses {artifact.MODEL}: {error}") from error


def score(
    session: onnxruntime.InferenceSession, pixels: NDArray[np.uint8], options: onnxruntime.RunOptions | None = None
) -> Scores:
    """Run a graph on a batch [N, size, size, 3]; `embedding` is None if the graph has no such output."""
    given = {output.name for output in session.get_outputs()}
    outputs = [*_OUTPUTS, _EMBEDDING] if _EMBEDDING in given else _OUTPUTS
    return Scores(*session.run(outputs, {"pixels": pixels}, options))


def _compare(output: str, found: NDArray[np.float32] | None, golden: NDArray[np.float32], tolerance: float) -> None:
    if found is None:
        raise ArtifactError(f"the model has no output {output}, but the artifact has golden values for it")
    if found.shape != golden.shape:
        raise ArtifactError(f"output {output} has shape {found.shape}, the golden one {golden.shape}")
    difference, allowed = np.abs(found - golden).max(), tolerance * max(1, np.abs(golden).max())
    if not difference <= allowed:  # not the same as `>`: a NaN is refused
        raise ArtifactError(f"output {output} is {difference:.2g} away from its golden value, allowed is {allowed:.2g}")
