"""Counts CIFAKE's pixel twins, and times a search for near-duplicates."""

import os
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset.near_duplicates import near_hashes
from model.errors import SourceError
from model.images.fingerprint import fingerprint
from model.sources.kinds import read_source
from truegrain_bench.results.results import Figure

CIFAKE_VARIABLE = "CIFAKE"
"""Environment variable that names the folder or archive with all of CIFAKE."""
CIFAKE_COMMAND = f"{CIFAKE_VARIABLE}=<folder or archive> make bench-full"

HASHES = 1_000_000
COPY_SWAPS = 3
"""Set bits of a copy's hash that are swapped with unset bits."""


def near_duplicate_search() -> Iterator[Figure]:
    """Time the search of a million hashes on one core; they include large groups of copies and of flat images."""
    hashes = _million_hashes(np.random.default_rng(0))
    begin = time.perf_counter()
    near_hashes(hashes)
    yield Figure("ingest.neardup_1m_seconds", round(time.perf_counter() - begin, 1), "s", "make bench")


def cifake_twins() -> Iterator[Figure]:
    """Count surplus files with the pixels of another file, within and across CIFAKE's published splits."""
    location = os.environ.get(CIFAKE_VARIABLE)
    if location is None:
        return
    images = pd.DataFrame(
        [(image.split, fingerprint(image.data).pixel_hash) for image in read_source(location)],
        columns=["split", "pixel_hash"],
    )
    if set(images["split"]) != {"train", "test"}:
        raise SourceError(f"{location} is not CIFAKE as it was published: it has to hold train/ and test/")
    train, test = (images.loc[images["split"] == split, "pixel_hash"] for split in ("train", "test"))
    yield Figure("ingest.twins_within_train", int(train.duplicated().sum()), "images", CIFAKE_COMMAND)
    yield Figure("ingest.twins_within_test", int(test.duplicated().sum()), "images", CIFAKE_COMMAND)
    yield Figure("ingest.twins_across_splits", int(test.isin(train).sum()), "images", CIFAKE_COMMAND)


def _million_hashes(rng: np.random.Generator) -> NDArray[np.int64]:
    """Make hashes: half random, a quarter poor copies of one picture, an eighth equal, an eighth of flat images."""
    bits = rng.permuted(np.tile(np.arange(64) % 2 == 0, (HASHES, 1)), axis=1)
    copies = bits[HASHES // 2 : HASHES * 3 // 4]
    copies[:] = picture = bits[0]
    for value in (True, False):
        places = rng.permuted(np.tile(np.flatnonzero(picture != value), (len(copies), 1)), axis=1)
        np.put_along_axis(copies, places[:, :COPY_SWAPS], values=value, axis=1)
    bits[HASHES * 3 // 4 :] = bits[1]
    bits[HASHES * 7 // 8 :] = False
    return np.packbits(bits, axis=1).view(">i8").ravel().astype(np.int64)
