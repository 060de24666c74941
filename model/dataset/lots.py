"""Lots: an order of images that is always the same, and that nobody who supplies some of the images can choose."""

import hashlib
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_KEY_CHARACTERS: Final = 16


def draw_lots(sha256: pd.Series) -> NDArray[np.uint64]:
    """Return a lot [N] for each image by its hash; who has the least comes first.

    The key is the hash of all hashes. By the hashes alone, a supplier who tries some million versions of a file could
    put the file first among all.
    """
    key = hashlib.sha256("".join(sorted(sha256)).encode()).hexdigest()[:_KEY_CHARACTERS]
    lots: NDArray[np.uint64] = pd.util.hash_array(sha256.to_numpy(dtype=object), hash_key=key, categorize=False)
    return lots
