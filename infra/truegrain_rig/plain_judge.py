"""Judges an image as a short script would: Pillow decodes it whole and resizes it once, onnxruntime scores it."""

import io
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

from model.detectors import artifact


class PlainDetector:
    """The detector of an artifact, without any of the checks, limits and shortcuts of `model`."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / artifact.MODEL), options, providers=["CPUExecutionProvider"]
        )
        [pixels] = self._session.get_inputs()
        _, self._height, self._width, _ = pixels.shape

    def judge(self, photo: bytes) -> float:
        """Return the probability of AI for an image file."""
        image = Image.open(io.BytesIO(photo)).convert("RGB")
        pixels = np.asarray(ImageOps.fit(image, (self._width, self._height), Image.Resampling.BICUBIC))
        [probability] = self._session.run(["probability"], {"pixels": pixels[np.newaxis]})
        return float(probability[0])
