"""Loads the images of a dataset version as arrays of pixels: decoded once, then memory-mapped from a cache."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from upath import UPath

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest, split_rows
from model.detectors.traffic_sample import FACTS
from model.errors import TrainingError
from model.files import write_whole
from model.images.preprocess import Preprocess
from model.labels import CLASSES, REAL
from model.processes import locked
from model.training.distributed import PATIENCE

_COLUMNS: Final = ("sha256", "split", "label", "generator", "cluster", "batch", "row", *FACTS)
_AT_ONCE: Final = 256
"""Most images held in memory while they are decoded."""
_BYTES_AT_ONCE: Final = 128_000_000
"""Bytes of files held in memory, after which no further file is added."""
_DECODERS: Final = 4


@dataclass(frozen=True)
class Samples:
    """Images of one split, ready for the network: `pixels` [N, S, S, 3] uint8 and `labels` [N] float32, AI = 1.

    For the head of a frozen encoder `pixels` are the features [N, C] float32. `pooled` [N, C] float32 are the features
    of images whose encoder is frozen, else None. `ids` [N] are the SHA-256 of the images' files.

    `groups` [N] are the groups that balanced sampling balances: 0 is real, each generator has its own number.
    `files` [N] has the columns FACTS of the images' files. `clusters` [N] numbers the clusters of near-duplicates.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.float32]
    groups: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    files: pd.DataFrame = field(default_factory=pd.DataFrame)
    clusters: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    ids: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, np.str_))
    pooled: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Fill in what is missing: labels as groups, the pixels as files, and a cluster for each image."""
        if not len(self.clusters):
            object.__setattr__(self, "clusters", np.arange(len(self.labels)))
        if not len(self.groups):
            object.__setattr__(self, "groups", self.labels.astype(np.int64))
        if self.files.empty:
            object.__setattr__(self, "files", _raw_files(self.pixels))

    @property
    def independent(self) -> NDArray[np.intp]:
        """The positions of the first image of each cluster and label, sorted."""
        _, first = np.unique(2 * self.clusters + (self.labels > 0), return_index=True)
        return np.sort(first)


def input_size(manifest: pd.DataFrame, *, largest: int) -> int:
    """Return the side of the network's input in pixels: `largest`, or the median shorter side of the training images.

    The smaller of the two counts: enlarging small images would cost time and add no information. Raises TrainingError
    without training images.
    """
    rows = split_rows(manifest, "train")
    if rows.empty:
        raise TrainingError("the dataset version has no training images")
    shorter = rows[["width", "height"]].min(axis=1)
    return min(largest, int(shorter.median()))


def load_samples(
    lake: Lake, version: str, split: str, preprocess: Preprocess, *, cache: Path, leave_out: str = ""
) -> Samples:
    """Decode a split of a dataset version, or map it from `cache` if it was decoded before.

    If `leave_out` names a generator, its images are left out, and the remaining images are held in memory. If several
    processes ask at once, one of them decodes and the others wait.

    Raises TrainingError if the split is empty, if no image is by that generator, or if no AI image is left. Raises
    StorageFull if the cache has no room, and LockHeld if another process decodes for longer than PATIENCE.
    """
    rows = split_rows(read_manifest(lake, version, columns=_COLUMNS), split)
    if rows.empty:
        raise TrainingError(f"dataset version '{version}' has no {split} images")
    name = f"{version}-{split}-{preprocess.size}-v{preprocess.version}"
    with locked(cache / f"{name}.lock", seconds=PATIENCE.total_seconds()):
        pixels = _cached(cache / f"{name}.npy", lake, rows, preprocess)
    labels = np.array([CLASSES.index(label) for label in rows["label"]], dtype=np.float32)
    groups = rows["generator"].fillna("unknown").where(rows["label"] != CLASSES[REAL])
    numbers, _ = pd.factorize(groups, sort=True)  # real images have no generator and get -1
    clusters, _ = pd.factorize(rows["cluster"])
    ids = rows["sha256"].to_numpy(np.str_)
    samples = Samples(pixels, labels, numbers.astype(np.int64) + 1, rows[list(FACTS)], clusters.astype(np.int64), ids)
    return _without(samples, groups.to_numpy(), leave_out, split) if leave_out else samples


def _without(samples: Samples, generators: NDArray[np.object_], left_out: str, split: str) -> Samples:
    kept = generators != left_out
    if kept.all():
        known = ", ".join(sorted({name for name in generators if isinstance(name, str)})) or "none"
        raise TrainingError(
            f"leave_out='{left_out}': no {split} image is by this generator; known generators are {known}"
        )
    if len(np.unique(samples.labels[kept])) < len(CLASSES):
        raise TrainingError(f"leave_out='{left_out}' leaves no AI image in {split}: there is no other generator")
    parts = samples.pixels, samples.labels, samples.groups, samples.files, samples.clusters, samples.ids
    return Samples(*(part[kept] for part in parts))


def _raw_files(pixels: NDArray[np.uint8]) -> pd.DataFrame:
    count, height, width, _ = pixels.shape
    facts = {"width": width, "height": height, "bytes": pixels[:1].nbytes, "jpeg_quality": np.nan, "format": "RAW"}
    return pd.DataFrame(facts, index=range(count))


def _cached(path: Path, lake: Lake, rows: pd.DataFrame, preprocess: Preprocess) -> NDArray[np.uint8]:
    """Map the pixels of `rows`; decode them first if the file is missing or damaged."""
    shape = (len(rows), preprocess.size, preprocess.size, 3)
    if path.exists():
        try:
            pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        except (ValueError, EOFError):  # the file is cut off
            pixels = np.empty(0, np.uint8)
        if pixels.shape == shape and pixels.dtype == np.uint8:
            return pixels
    _decode_into(path, lake, rows, preprocess, shape)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]  # untyped


def _decode_into(path: Path, lake: Lake, rows: pd.DataFrame, preprocess: Preprocess, shape: tuple[int, ...]) -> None:
    """Write the pixels of `rows` to `path`, whole or not at all.

    No memory map is used for writing: on a full disk it would kill the process without a message.
    """

    def prepare(data: bytes) -> bytes:
        return preprocess.read(data).tobytes()

    with write_whole(UPath(path)) as file, ThreadPoolExecutor(_DECODERS) as pool:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for images in _chunks(lake.read_images(rows)):
            file.writelines(pool.map(prepare, images))


def _chunks(images: Iterator[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for data in images:
        chunk.append(data)
        if len(chunk) == _AT_ONCE or sum(map(len, chunk)) >= _BYTES_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
