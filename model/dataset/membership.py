"""Finds the strings of a column among others, for columns of millions of rows."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Strings = pd.Series | pd.Index


def among(column: Strings, wanted: Strings | Iterable[str]) -> NDArray[np.bool_]:
    """Mark [N] the N strings of a column that are among `wanted`; a missing value never is.

    pandas' own `isin` converts each wanted string by itself, which takes a minute for a million hashes.
    """
    found = pc.is_in(_to_arrow(column), value_set=_to_arrow(wanted), skip_nulls=True)
    return np.asarray(found)


def places(column: Strings, wanted: Strings | Iterable[str]) -> NDArray[np.int64]:
    """Return the place in `wanted`, from 0, of each of the N strings of a column [N]; -1 for a string not among them.

    `wanted` must not repeat a string. pandas' own `map` and `reindex` make a Python object of each string.
    """
    found = pc.index_in(_to_arrow(column), value_set=_to_arrow(wanted), skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1), dtype=np.int64)


def _to_arrow(strings: Strings | Iterable[str]) -> Any:
    values = strings.array if isinstance(strings, pd.Series | pd.Index) else list(strings)
    return pa.array(values, pa.large_string(), from_pandas=True)
