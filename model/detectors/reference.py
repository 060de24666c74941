"""Makes, packs and unpacks the reference: the labelled images that the traffic of a detector is compared with."""

import io
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.npz import read_arrays
from model.detectors.traffic_sample import EMBEDDING, FACTS, Reference, Sample
from model.errors import ArtifactError

if TYPE_CHECKING:
    # Not imported at run time: the service's workers load artifacts as well, and do not need pandas.
    import pandas as pd

MOST_IMAGES: Final = 2000
"""Most images of a reference: enough for shares within two points. Every monitor reads the few hundred kB."""

MOST_BYTES: Final = 32_000_000
"""Largest reference in bytes, packed or unpacked: four times the size of embeddings of 2,048 values."""

_LABEL: Final = "label"


def choose_images(groups: NDArray[np.integer], *, most: int = MOST_IMAGES, seed: int = 0) -> NDArray[np.intp]:
    """Choose at most `most` images at random, in proportion to their groups [N], and return their positions, sorted.

    Method: systematic sampling from images ordered by group, so a group's share is right to within one image.
    """
    shuffled = np.lexsort((np.random.default_rng(seed).random(len(groups)), groups))
    return np.sort(shuffled[np.linspace(0, len(groups) - 1, min(most, len(groups))).astype(np.intp)])


def make_reference(
    files: "pd.DataFrame",
    *,
    label: NDArray[np.number],
    probability: NDArray[np.floating],
    embedding: NDArray[np.float32] | None,
) -> Reference:
    """Combine the facts of files (columns FACTS) with what a detector said about the same images."""
    said = {"probability": probability, "embedding": embedding}
    known = {name: files[name] for name in FACTS}
    qualities = {
        "jpeg_quality": files["jpeg_quality"].to_numpy(np.float64, na_value=np.nan)
    }  # pandas' own missing value is no number
    return Reference(sample=Sample.of(said | known | qualities), label=label.astype(np.uint8))


def pack_reference(reference: Reference) -> bytes:
    """Return a reference as the bytes of an npz archive, always the same ones for the same reference.

    Embeddings are kept in 16 bits, as in the prediction log.
    """
    columns = {name: column for name, column in vars(reference.sample).items() if column is not None}
    if reference.sample.embedding is not None:
        columns["embedding"] = reference.sample.embedding.astype(EMBEDDING)
    file = io.BytesIO()
    np.savez_compressed(file, **columns | {_LABEL: reference.label})
    return file.getvalue()


def unpack_reference(data: bytes) -> Reference:
    """Read the bytes of `pack_reference`; raises ArtifactError for anything else, and for more than MOST_BYTES."""
    try:
        arrays = read_arrays(data, most_bytes=MOST_BYTES)
        if (images := arrays[_LABEL].size) > MOST_IMAGES:
            raise ArtifactError(f"the reference has {images:,} images, at most {MOST_IMAGES:,} are read")
        return Reference(sample=Sample.of(arrays), label=arrays[_LABEL].astype(np.uint8))
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"the reference cannot be read: {error}") from error
