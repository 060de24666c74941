"""The demonstration: images of the built-in source, which make way for those of any other."""

from collections.abc import Iterable

import pandas as pd

from model.sources.declaration import Source
from model.sources.reports import SOURCE as REPORTS
from model.sources.synthetic import NAME, ORIGIN, is_built_in


def is_drawn(origins: pd.Series) -> pd.Series:
    """Mark the images that the built-in source has drawn, by their `origins`, whatever a declaration calls it."""
    return origins.str.match(ORIGIN).astype(bool)


def is_demonstration(images: pd.DataFrame) -> pd.Series:
    """Mark the images (columns `source` and `origin`) that entered as those of the built-in source.

    A folder of a user may have its name, but not its paths. Under a name that a declaration gives them, built-in images
    are a source like any other.
    """
    marked = images["source"] == NAME
    marked[marked] = is_drawn(images.loc[marked, "origin"])
    return marked


def makes_way(images: pd.DataFrame, *, asked: bool) -> pd.Series:
    """Mark the images of the demonstration that a version made of `images` leaves out.

    These are all of them when another source is there and nobody `asked` for the demonstration, and none otherwise.
    Reports of users alone are no other source: they are about what a detector of the demonstration said.
    """
    demonstration = is_demonstration(images)
    another = (~demonstration & (images["source"] != REPORTS)).any()
    return demonstration & (bool(another) and not asked)


def asks_for_demonstration(given: str, sources: Iterable[Source]) -> bool:
    """Whether a run that reads `sources` asks for the built-in one by name: in its form, or by a declaration.

    `given` is the `source` of the form, empty where that leaves it to the settings. The setting alone asks for nothing,
    because the built-in source is its default.
    """
    return any(is_built_in(source.location) and bool(given or source.name) for source in sources)
