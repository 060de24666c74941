"""Marks the strings of a column that are among others, for columns of millions of rows."""

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


def _to_arrow(strings: Strings | Iterable[str]) -> Any:
    values = strings.array if isinstance(strings, pd.Series | pd.Index) else list(strings)
    return pa.array(values, pa.large_string(), from_pandas=True)
