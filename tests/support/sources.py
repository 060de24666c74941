"""Reads sources in tests: what a source says about its reading."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from model.sources.entries import Container, Item
from model.sources.kinds import open_source
from model.sources.remarks import Remark


def remarks_of(location: str | Path) -> list[Remark]:
    """Read a source to its end and return its remarks."""
    with open_source(str(location)) as items:
        return list(_remarks(items))


def _remarks(items: Iterable[Item]) -> Iterator[Remark]:
    for item in items:
        if isinstance(item, Container):
            yield from _remarks(item.entries())
        elif item.remark is not None:
            yield item.remark
        else:
            list(item.images())
