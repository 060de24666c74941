"""Keeps what an encoder sees in images in the lake, so that each image is encoded once."""

import hashlib
from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from upath import UPath

from model.dataset.lake import Lake
from model.errors import DatasetError
from model.files import remove, write_table

FOLDER: Final = "features"

_IMAGE: Final = "image"
_FEATURES: Final = "features"


class FeatureStore:
    """Features [C] float32 of images, by the SHA-256 of their files. `encoder` names what computed the features."""

    def __init__(self, lake: Lake, encoder: str) -> None:
        self._folder = lake.root / FOLDER / encoder

    def read(self, ids: NDArray[np.str_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the features [N, C] of the images `ids` [N], and a mask [N] of those that the store has.

        Features that the store does not have are zero. C is 0 if the store is empty. Raises DatasetError for a file
        that cannot be read or does not fit the others.
        """
        known = np.zeros(len(ids), bool)
        features = np.zeros((len(ids), 0), np.float32)
        for path in _files_in(self._folder):
            table = _read(path)
            found = pc.index_in(pa.array(ids), table[_IMAGE].combine_chunks())
            rows = table[_FEATURES].combine_chunks()
            stored = rows.flatten().to_numpy().reshape(len(rows), -1)
            if not features.shape[1]:
                features = np.zeros((len(ids), stored.shape[1]), np.float32)
            if stored.shape[1] != features.shape[1]:
                raise DatasetError(
                    f"{FOLDER}/{self._folder.name}/{path.name} has {stored.shape[1]} features an image, others have "
                    f"{features.shape[1]}: delete the folder, and all features are computed again"
                )
            here = np.asarray(found.is_valid())
            features[here] = stored[found.drop_null().to_numpy()]
            known |= here
        return features, known

    def add(self, ids: NDArray[np.str_], features: NDArray[np.float32]) -> None:
        """Store the features [N, C] of the images `ids` [N], at least one, whole or not at all. Raises StorageFull."""
        width = features.shape[1]
        values = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel(), pa.float32()), width)
        name = hashlib.sha256("\n".join(ids).encode()).hexdigest()
        write_table(self._folder / f"{name}.parquet", pa.table({_IMAGE: pa.array(ids), _FEATURES: values}))


def erase_features(lake: Lake, images: Collection[str]) -> Iterator[str]:
    """Delete the features of `images` (SHA-256 of files) by all encoders; yield the paths of the changed files.

    A file that cannot be read may hold any image, and is deleted. Raises StorageFull if there is no room.
    """
    for path in sorted((lake.root / FOLDER).glob("*/*.parquet")):
        try:
            table = _read(path)
        except DatasetError:
            remove(path)
        else:
            kept = table.filter(pc.invert(pc.is_in(table[_IMAGE], pa.array(sorted(images), pa.string()))))
            if kept.num_rows == table.num_rows:
                continue
            if kept.num_rows:
                write_table(path, kept)
            else:
                remove(path)
        yield f"{FOLDER}/{path.parent.name}/{path.name}"


def _read(path: UPath) -> pa.Table:
    try:
        with path.open("rb") as file:
            return pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}; delete the file, and its features are computed again"
        ) from error


def _files_in(folder: UPath) -> list[UPath]:
    return sorted(folder.glob("*.parquet"))
