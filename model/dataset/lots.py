"""Orders images by lot: the order is repeatable, and a supplier of some of the images cannot choose it."""

import hashlib
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_KEY_CHARACTERS: Final = 16


def draw_lots(sha256: pd.Series) -> NDArray[np.uint64]:
    """Return a lot [N] for each image of `sha256`; the image with the smallest lot comes first.

    The key of the lots is the hash of all hashes. Without a key, a supplier could try a million versions of a file
    until the file comes first.
    """
    hashes = sha256.to_numpy(dtype=object)
    key = hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()[:_KEY_CHARACTERS]
    lots: NDArray[np.uint64] = pd.util.hash_array(hashes, hash_key=key, categorize=False)
    return lots
