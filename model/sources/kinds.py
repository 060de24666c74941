"""Opens a source by its location, as a person writes it, and lists what it holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from model.errors import SourceError
from model.labels import find_label
from model.sources import archive, csv_table, kaggle, parquet, reports, synthetic
from model.sources.class_folders import (
    above_the_split,
    is_cnndetection,
    is_genimage,
    list_class_folders,
    outermost,
    read_folders,
)
from model.sources.csv_images import list_csv_images, refuse_contradicting_tables
from model.sources.entries import Container, Item, read_all
from model.sources.folder import open_folder
from model.sources.labelled_image import LabelledImage
from model.sources.location import Location, reaching
from model.sources.tree import Member, Tree, is_image
from model.sources.web.reach import PUBLIC, Reach

List = Callable[[Tree], Iterator[Item]]

FOLDER_KINDS: Final[dict[str, List]] = {
    "folders": list_class_folders,
    "genimage": partial(list_class_folders, find_generator=above_the_split),
    "cnndetection": partial(list_class_folders, find_generator=outermost),
}
"""The kinds whose folders name the class; they differ in where the generator is named."""

REPORTS: Final = "feedback"
"""The kind of source that may hold no image: it is no error if nothing was reported."""

KINDS: Final[dict[str, List]] = FOLDER_KINDS | {
    "csv": list_csv_images,
    "parquet": parquet.list_shards,
    REPORTS: reports.list_reports,
}
"""Every kind of source by the name that can be written before its location: `csv:s3://bucket/shoes`."""


@contextmanager
def open_source(location: str, reach: Reach = PUBLIC) -> Iterator[Iterator[Item]]:
    """Open the built-in source, a folder, an archive, a table or a shard, and yield what it lists.

    The built-in source is 'synthetic', or with options 'synthetic?images=600&seed=7'. All other sources lie on this
    machine, at a URL or on Kaggle ('kaggle:<owner>/<dataset>'), and may carry their kind: 'csv:/data/shoes'. Without a
    kind, the kind is recognised.

    Raises SourceError for any other location, for what cannot be listed or read, and for a web server that leads to a
    host outside `reach`. A damaged archive raises SourceError only while it is read.
    """
    kind, address = split_kind(location)
    if synthetic.is_built_in(location):
        yield synthetic.list_drawn(synthetic.Order.parse(location.partition("?")[2]))
    elif kaggle.is_dataset(address):
        with reaching(place := Location(kaggle.download(address))):
            yield _list(place, kind, source=kaggle.name_of(address))
    else:
        with reaching(place := Location(address, reach)):
            yield _list(place, kind)


def read_source(location: str, reach: Reach = PUBLIC) -> Iterator[LabelledImage]:
    """Read every image of a source; raises SourceError as `open_source` does."""
    with open_source(location, reach) as items:
        yield from read_all(items)


def split_kind(location: str) -> tuple[str | None, str]:
    """Split 'csv:/data/shoes' into the kind and the address; the kind is None if none is named."""
    kind, colon, address = location.partition(":")
    return (kind, address) if colon and kind in KINDS else (None, location)


def make_absolute(location: str) -> str:
    """Return an existing relative path as absolute, for a program in another folder; other locations are unchanged."""
    kind, address = split_kind(location)
    path = Path(address).expanduser()
    if not path.exists():
        return location
    return f"{kind}:{path.resolve()}" if kind else str(path.resolve())


def find_beside(file: Location, location: str) -> str:
    """Resolve a relative path from the folder of the `file` that names it; other locations are unchanged."""
    kind, address = split_kind(location)
    if ":" in address or synthetic.is_built_in(address):
        return location
    if file.is_local:
        found = str((file.local.parent / Path(address).expanduser()).resolve())
    else:
        found = address if address.startswith("/") else f"{file.parent.location}/{address}"
    return f"{kind}:{found}" if kind else found


def recognise(tree: Tree) -> str:
    """Return the kind of a tree; the walk stops as soon as the kind is clear.

    1. An image in a class folder: one of FOLDER_KINDS.
    2. Images elsewhere, and a table: 'csv'.
    3. Shards: 'feedback' if they are reports, else 'parquet'.
    4. Anything else: 'folders'.
    """
    images = tables = False
    shards: str | None = None
    for member in tree.members():
        folders = PurePosixPath(member.path).parent
        if is_image(member.path) and any(find_label(name) for name in folders.parts):
            return _kind_of_folders(folders)
        images |= is_image(member.path)
        tables |= csv_table.is_table(member.path)
        if shards is None and parquet.is_shard(member.path):
            shards = REPORTS if reports.holds_reports(member) else "parquet"
        if images and tables:
            return "csv"
    return shards or "folders"


def _kind_of_folders(folders: PurePosixPath) -> str:
    if is_cnndetection(folders):
        return "cnndetection"
    return "genimage" if is_genimage(folders) else "folders"


def _list(place: Location, kind: str | None, *, source: str | None = None) -> Iterator[Item]:
    """List the items at a location. A web server does not tell files from folders, so there the name decides."""
    list_file = _file_lister(place.name)
    if place.is_web and list_file is not None:
        return list_file(place, kind)
    if place.is_web or _is_folder(place):
        tree = open_folder(place)
        if source is not None:
            tree = replace(tree, source=source)
        if kind in FOLDER_KINDS:
            _look_at_folders(tree)
        return KINDS[kind or _recognise_safely(tree)](tree)
    if list_file is not None and (not place.is_local or place.local.is_file()):  # a pipe would wait for its writer
        return list_file(place, kind)
    raise _refusal(place, "is neither a folder nor a file of a known kind")


def _file_lister(name: str) -> Callable[[Location, str | None], Iterator[Item]] | None:
    if archive.is_archive(name):
        return _list_archive
    if parquet.is_shard(name):
        return _list_shard
    return _list_table if csv_table.is_table(name) else None


def _is_folder(place: Location) -> bool:
    try:
        return place.is_folder()
    except FileNotFoundError as error:
        raise _refusal(place, "does not exist") from error


def _list_archive(place: Location, kind: str | None) -> Iterator[Item]:
    def entries() -> Iterator[Item]:
        with archive.open_archive(place) as tree:
            yield from KINDS[kind or _recognise_safely(tree)](tree)

    yield Container(place.name, entries, place.stamp)


def _list_shard(place: Location, kind: str | None) -> Iterator[Item]:
    shard = Member(place.name, place.open, seekable=True, stamp=place.stamp)
    tree = Tree(PurePosixPath(place.name).stem, lambda: iter([shard]))
    if kind is not None:
        return KINDS[kind](tree)
    # A container around the shard, because a shard has to be opened to be recognised.
    return iter([Container(place.name, lambda: KINDS[recognise(tree)](tree), place.stamp)])


def _list_table(place: Location, _: str | None) -> Iterator[Item]:
    return list_csv_images(open_folder(place.parent), only=place.name)


def _recognise_safely(tree: Tree) -> str:
    """Return the kind of a tree; raises ContradictingLabels if a table contradicts the class folders."""
    kind = recognise(tree)
    if kind in FOLDER_KINDS and _look_at_folders(tree):
        refuse_contradicting_tables(tree)
    return kind


def _look_at_folders(tree: Tree) -> bool:
    """Raise SourceError for a class folder that is not understood; return whether there are tables, too."""
    tables = False
    for member in tree.members():
        if is_image(member.path):
            read_folders(PurePosixPath(member.path).parent)
        else:
            tables = tables or csv_table.is_table(member.path)
    return tables


def _refusal(place: Location, problem: str) -> SourceError:
    return SourceError(
        f"The source '{place}' {problem}. Accepted are '{synthetic.NAME}', a folder, an archive "
        f"({', '.join(archive.SUFFIXES)}), a table ({', '.join(csv_table.SUFFIXES)}) or a Parquet file, on this "
        f"machine, at a URL or on Kaggle ({kaggle.PREFIX}<owner>/<dataset>). If the kind is not recognised, write it "
        f"before the location ({', '.join(f'{kind}:' for kind in KINDS)})."
    )
