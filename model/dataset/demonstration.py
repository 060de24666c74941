"""Recognises images of the built-in source, and says when a dataset version leaves them out."""

from collections.abc import Iterable

import pandas as pd

from model.sources.declaration import Source
from model.sources.reports import SOURCE as REPORTS
from model.sources.synthetic import NAME, ORIGIN, is_built_in


def is_drawn(origins: pd.Series) -> pd.Series:
    """Mark the images that the built-in source has drawn, by their `origins`, whatever name a declaration gives."""
    return origins.str.match(ORIGIN).astype(bool)


def is_demonstration(images: pd.DataFrame) -> pd.Series:
    """Mark the images (columns `source` and `origin`) that entered under the built-in source's own name.

    The paths are checked too, because a user's folder may have the same name. Built-in images that a declaration gives
    another name count as images of any other source.
    """
    marked = images["source"] == NAME
    marked[marked] = is_drawn(images.loc[marked, "origin"])
    return marked


def makes_way(images: pd.DataFrame, *, asked: bool) -> pd.Series:
    """Mark the images of the demonstration that a version made of `images` leaves out.

    All of them are marked if another source has images and nobody `asked` for the demonstration; otherwise none is.
    Reports of users do not count as another source, because they are about the demonstration's own detector.
    """
    demonstration = is_demonstration(images)
    another = (~demonstration & (images["source"] != REPORTS)).any()
    return demonstration & (bool(another) and not asked)


def asks_for_demonstration(given: str, sources: Iterable[Source]) -> bool:
    """Whether a run that reads `sources` asks for the built-in source by name, in its form or by a declaration.

    `given` is the field `source` of the form, empty if the settings choose the source. The setting alone does not
    count, because its default is the built-in source.
    """
    return any(is_built_in(source.location) and bool(given or source.name) for source in sources)
