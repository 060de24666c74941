"""Reference file: the labelled images that travel with a detector, for its traffic to be compared with; no pickles."""

import io
import zipfile

import numpy as np

from model.errors import ArtifactError
from model.sample import Reference, Sample

_LABEL = "label"


def pack_reference(reference: Reference) -> bytes:
    """Return a reference as the bytes of an npz archive, always the same ones for the same reference.

    Embeddings are kept in 16 bits, as precisely as the prediction log keeps those of the traffic.
    """
    columns = {name: column for name, column in vars(reference.sample).items() if column is not None}
    if reference.sample.embedding is not None:
        columns["embedding"] = reference.sample.embedding.astype(np.float16)
    file = io.BytesIO()
    np.savez_compressed(file, **columns | {_LABEL: reference.label})
    return file.getvalue()


def unpack_reference(data: bytes) -> Reference:
    """Read what `pack_reference` wrote; raises ArtifactError when it is anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return Reference(sample=_to_sample(dict(arrays)), label=arrays[_LABEL].astype(np.uint8))
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"the reference cannot be read: {error}") from error


def _to_sample(arrays: dict[str, np.ndarray]) -> Sample:
    embedding = arrays.get("embedding")
    return Sample(
        probability=arrays["probability"].astype(np.float64),
        embedding=None if embedding is None else embedding.astype(np.float32),
        width=arrays["width"].astype(np.int64),
        height=arrays["height"].astype(np.int64),
        bytes=arrays["bytes"].astype(np.int64),
        jpeg_quality=arrays["jpeg_quality"].astype(np.float64),
        format=arrays["format"].astype(np.str_),
    )
