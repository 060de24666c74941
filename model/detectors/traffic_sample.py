"""Samples of images for drift: the probability, the embedding and the facts of the file of each image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

FACTS: Final = ("width", "height", "bytes", "jpeg_quality", "format")
"""The facts of an image's file; manifests and the prediction log use the same names for their columns."""

EMBEDDING: Final = np.dtype("<f2")
"""The type in which embeddings are stored: half the bytes of float32, and far finer than drift needs."""

Index = NDArray[np.integer] | NDArray[np.bool_] | slice


@dataclass(frozen=True, kw_only=True)
class Sample:
    """n images by their facts, one array for each fact, every array with n rows in the same order.

    `probability` is the calibrated P(AI). `embedding` [n, d] holds the detector's whitened features; None: the detector
    gives none. `bytes` is the size of the file, `jpeg_quality` NaN if the file is no JPEG, `format` Pillow's name.
    Raises ValueError for arrays of different lengths.
    """

    probability: NDArray[np.float64]
    embedding: NDArray[np.float32] | None
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    bytes: NDArray[np.int64]
    jpeg_quality: NDArray[np.float64]
    format: NDArray[np.str_]

    def __post_init__(self) -> None:
        columns = (self.probability, self.width, self.height, self.bytes, self.jpeg_quality, self.format)
        given = columns if self.embedding is None else (*columns, self.embedding)
        lengths = {len(column) for column in given}
        if len(lengths) > 1:
            raise ValueError(f"the columns of a sample have different lengths: {sorted(lengths)}")

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Self:
        """Make a sample of columns by these names, in whatever types; a JPEG quality of None becomes NaN.

        Raises KeyError for a missing column other than `embedding`, and ValueError for values that cannot be converted.
        """
        embedding = columns.get("embedding")
        return cls(
            probability=np.asarray(columns["probability"], np.float64),
            embedding=None if embedding is None else np.asarray(embedding, np.float32),
            width=np.asarray(columns["width"], np.int64),
            height=np.asarray(columns["height"], np.int64),
            bytes=np.asarray(columns["bytes"], np.int64),
            jpeg_quality=np.asarray(columns["jpeg_quality"], np.float64),
            format=np.asarray(columns["format"], np.str_),
        )

    def __len__(self) -> int:
        return len(self.probability)

    def take(self, index: Index) -> "Sample":
        """Return the images at `index`: positions, a mask or a slice."""
        return Sample(
            probability=self.probability[index],
            embedding=None if self.embedding is None else self.embedding[index],
            width=self.width[index],
            height=self.height[index],
            bytes=self.bytes[index],
            jpeg_quality=self.jpeg_quality[index],
            format=self.format[index],
        )


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The labelled images that a detector's traffic is compared with: `label` uint8 [n], 1 for AI, beside `sample`.

    Raises ValueError unless there are as many labels as images.
    """

    sample: Sample
    label: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if len(self.label) != len(self.sample):
            raise ValueError(f"the reference has {len(self.label)} labels for {len(self.sample)} images")
