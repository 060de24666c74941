"""Assembling: the dataset version that a run asks for, out of all images in the lake."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime

from truegrain_airflow.environment import open_lake, read_settings

log = logging.getLogger("truegrain.ingest")


def assemble_version(source: str, exclude: Collection[str]) -> str:
    """Stage a dataset version as `model.dataset.ingest.assemble` does, and return its id.

    `source` is that of the run's form, empty for the one of the settings: it says whether the run asks for the built-in
    images.
    """
    from model.dataset.demonstration import asks_for_demonstration
    from model.dataset.ingest import assemble
    from model.sources.declaration import declared_sources

    asked = asks_for_demonstration(source, declared_sources(source or read_settings().source))
    if asked:
        log.info("the built-in images were asked for by name, and stay beside those of other sources")
    return assemble(open_lake(), today=datetime.now(UTC).date(), exclude=exclude, demonstration=asked)
