"""Reference file: the labelled images that travel with a detector, for its traffic to be compared with; no pickles."""

import io
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.npz import read_arrays
from model.detectors.traffic_sample import EMBEDDING, FACTS, Reference, Sample
from model.errors import ArtifactError

if TYPE_CHECKING:
    # The service's workers load artifacts as well, and have no use for it.
    import pandas as pd

MOST_IMAGES: Final = 2000
"""Enough for shares to be known within two points; a reference is a few hundred kB and read by every monitor."""

MOST_BYTES: Final = 32_000_000
"""Of a reference, packed or unpacked: four times what embeddings of 2,048 values take."""

_LABEL: Final = "label"


def choose_images(groups: NDArray[np.integer], *, most: int = MOST_IMAGES, seed: int = 0) -> NDArray[np.intp]:
    """Choose at most `most` images at random, each group with its share of them, and return their places in order.

    Systematic sampling from images ordered by group: a group's share is right to within one image.
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
    """Put together what is known of the same images: of their files (columns FACTS), and what a detector said."""
    said = {"probability": probability, "embedding": embedding}
    known = {name: files[name] for name in FACTS}
    qualities = {
        "jpeg_quality": files["jpeg_quality"].to_numpy(np.float64, na_value=np.nan)
    }  # pandas' own is no number
    return Reference(sample=Sample.of(said | known | qualities), label=label.astype(np.uint8))


def pack_reference(reference: Reference) -> bytes:
    """Return a reference as the bytes of an npz archive, always the same ones for the same reference.

    Embeddings are kept in 16 bits, as precisely as the prediction log keeps those of the traffic.
    """
    columns = {name: column for name, column in vars(reference.sample).items() if column is not None}
    if reference.sample.embedding is not None:
        columns["embedding"] = reference.sample.embedding.astype(EMBEDDING)
    file = io.BytesIO()
    np.savez_compressed(file, **columns | {_LABEL: reference.label})
    return file.getvalue()


def unpack_reference(data: bytes) -> Reference:
    """Read what `pack_reference` wrote; raises ArtifactError when it is anything else, or more than MOST_BYTES."""
    try:
        arrays = read_arrays(data, most_bytes=MOST_BYTES)
        return Reference(sample=Sample.of(arrays), label=arrays[_LABEL].astype(np.uint8))
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"the reference cannot be read: {error}") from error
