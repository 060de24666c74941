"""Detector: a released artifact, loaded, checked and ready to score pixels with onnxruntime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from model import artifact
from model.artifact import Card, Golden
from model.errors import ArtifactError
from model.preprocess import Preprocess

TOLERANCE = 1e-4
"""How far an output may be from its golden value, for values up to 1; a map of larger values may be off in proportion.

Above the noise of float32 on another processor, below what moves a verdict."""


@dataclass(frozen=True)
class Scores:
    """What a detector says: `probability` of AI [N] float32 in [0, 1]; `cam` [N, h, w] float32, high where AI shows."""

    probability: NDArray[np.float32]
    cam: NDArray[np.float32]


class Detector:
    """A checked artifact. Scoring is thread-safe; build it after a fork, its thread pool does not survive one.

    `size_bytes` is how large the graph is, all of its weights included.
    """

    def __init__(self, card: Card, session: onnxruntime.InferenceSession, *, size_bytes: int) -> None:
        self.card = card
        self.size_bytes = size_bytes
        self.preprocess = Preprocess(**card.preprocess)
        self._session = session

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
        """Score a batch [N, size, size, 3] of what `preprocess` returns."""
        probability, cam = self._session.run(["probability", "cam"], {"pixels": pixels})
        return Scores(probability, cam)

    def _check(self, golden: Golden) -> None:
        if golden.pixels.shape[1:] != (self.preprocess.size, self.preprocess.size, 3):
            raise ArtifactError(
                f"golden inputs {golden.pixels.shape} are not of the card's size {self.preprocess.size}"
            )
        try:
            # One by one although they would fit one batch: a graph exported with a fixed batch size fails here.
            scores = [self.score(image[np.newaxis]) for image in golden.pixels]
        except Exception as error:  # onnxruntime's errors share no narrower base class
            raise ArtifactError(f"the model cannot be run: {error}") from error
        _compare("probability", np.concatenate([s.probability for s in scores]), golden.probability)
        _compare("cam", np.concatenate([s.cam for s in scores]), golden.cam)


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


def _compare(output: str, found: NDArray[np.float32], golden: NDArray[np.float32]) -> None:
    if found.shape != golden.shape:
        raise ArtifactError(f"output {output} has shape {found.shape}, the golden one {golden.shape}")
    difference, allowed = np.abs(found - golden).max(), TOLERANCE * max(1, np.abs(golden).max())
    if not difference <= allowed:  # not the same as `>`: a NaN is refused
        raise ArtifactError(f"output {output} is {difference:.2g} away from its golden value, allowed is {allowed:.2g}")
