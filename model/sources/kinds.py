"""Opens a source by its location, as a person writes it, and lists what it holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

import structlog

from model.errors import UnreadableSource
from model.labels import AI, CLASSES, REAL, find_label
from model.sources import archive, kaggle, parquet, reports, synthetic, webdataset
from model.sources.class_folders import (
    above_the_split,
    is_cnndetection,
    is_genimage,
    list_class_folders,
    outermost,
)
from model.sources.csv_images import list_csv_images
from model.sources.entries import Container, Item, read_all, retold
from model.sources.folder import open_folder
from model.sources.folders_or_table import list_folders_or_table
from model.sources.hub import dataset as hub
from model.sources.labelled_image import LabelledImage
from model.sources.layout import FindGenerator
from model.sources.location import Location, reaching
from model.sources.nested import with_archives
from model.sources.one_class import list_one_class
from model.sources.tree import TABLES, Member, Tree, is_image, is_table
from model.sources.web.reach import PUBLIC, Reach

List = Callable[[Tree], Iterator[Item]]

_log = structlog.get_logger(__name__)

_GENERATORS: Final[dict[str, FindGenerator]] = {
    "folders": lambda _: None,
    "genimage": above_the_split,
    "cnndetection": outermost,
}
"""The kinds whose folders name the class, and how each finds the generator."""

FOLDER_KINDS: Final[dict[str, List]] = {
    kind: partial(list_class_folders, find_generator=find) for kind, find in _GENERATORS.items()
}

SAMPLES: Final = "webdataset"
"""The kind of source that is listed before its archives are opened."""

REPORTS: Final = "feedback"
"""The kind of source that may hold no image: it is no error if nothing was reported."""

KINDS: Final[dict[str, List]] = FOLDER_KINDS | {
    "real": partial(list_one_class, label=CLASSES[REAL]),
    "ai": partial(list_one_class, label=CLASSES[AI]),
    "csv": list_csv_images,
    "parquet": parquet.list_shards,
    SAMPLES: webdataset.list_samples,
    REPORTS: reports.list_reports,
}
"""Every kind of source by the name that can be written before its location: `csv:s3://bucket/shoes`."""


@contextmanager
def open_source(location: str, reach: Reach = PUBLIC) -> Iterator[Iterator[Item]]:
    """Open the built-in source, a folder, an archive, a table or a shard, and yield what it lists.

    The built-in source is 'synthetic', or with options 'synthetic?images=600&seed=7'. All other sources lie on this
    machine, at a URL, on Kaggle ('kaggle:<owner>/<dataset>') or on the hub ('hf://datasets/<owner>/<name>'), and may
    carry their kind: 'csv:/data/shoes'. Without a kind, the kind is recognised.

    Raises SourceError for any other location, for what cannot be listed or read, and for a web server that leads to a
    host outside `reach`. A damaged archive raises SourceError only while it is read.
    """
    kind, address = split_kind(location)
    if synthetic.is_built_in(location):
        yield synthetic.list_drawn(synthetic.Order.parse(location.partition("?")[2]))
    elif kaggle.is_dataset(address):
        with reaching(place := Location(kaggle.download(address))):
            yield _list(place, kind, source=kaggle.name_of(address))
    elif hub.is_on_hub(address):
        with reaching(Location(address)):
            pinned = hub.pin(address, reach)
            yield retold(_list(Location(pinned.location, reach), kind), pinned.tell)
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
    3. Images elsewhere, and beside one a file that describes it: 'webdataset'.
    4. Shards: 'feedback' if they are reports, else 'parquet'.
    5. Anything else: 'folders'.
    """
    kind, decisive = _recognise(tree)
    _log.info("kind_recognised", source=tree.source, kind=kind, path=decisive)
    return kind


def _recognise(tree: Tree) -> tuple[str, str | None]:
    """Return the kind of a tree, and the path of the file that decided."""
    images = False
    table: str | None = None
    shard: tuple[str, str] | None = None
    pairs = webdataset.Pairs()
    for member in tree.members():
        folders = PurePosixPath(member.path).parent
        if is_image(member.path) and any(find_label(name) for name in folders.parts):
            return _kind_of_folders(folders), member.path
        images |= is_image(member.path)
        if table is None and is_table(member.path):
            table = member.path
        if shard is None and parquet.is_shard(member.path):
            shard = REPORTS if reports.holds_reports(member) else "parquet", member.path
        if images and table is not None:
            return "csv", table
        if pairs.completed_by(member.path):
            return SAMPLES, member.path
    return shard or ("folders", None)


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
        return _list_tree(tree if source is None else replace(tree, source=source), kind)
    if list_file is not None and (not place.is_local or place.local.is_file()):  # a pipe would wait for its writer
        return list_file(place, kind)
    raise _refusal(place, "is neither a folder nor a file of a known kind")


def _file_lister(name: str) -> Callable[[Location, str | None], Iterator[Item]] | None:
    if archive.is_archive(name):
        return _list_archive
    if parquet.is_shard(name):
        return _list_shard
    return _list_table if is_table(name) else None


def _is_folder(place: Location) -> bool:
    try:
        return place.is_folder()
    except FileNotFoundError as error:
        raise _refusal(place, "does not exist") from error


def _list_archive(place: Location, kind: str | None) -> Iterator[Item]:
    def entries() -> Iterator[Item]:
        with archive.open_archive(place) as tree:
            yield from _list_tree(tree, kind)

    yield Container(place.name, entries, place.stamp, place.revision)


def _list_shard(place: Location, kind: str | None) -> Iterator[Item]:
    shard = Member(place.name, place.open, seekable=True, stamp=place.stamp, revision=place.revision)
    tree = Tree(PurePosixPath(place.name).stem, lambda: iter([shard]))
    if kind is not None:
        return KINDS[kind](tree)
    # A container around the shard, because a shard has to be opened to be recognised.
    return iter([Container(place.name, lambda: KINDS[recognise(tree)](tree), place.stamp)])


def _list_table(place: Location, _: str | None) -> Iterator[Item]:
    return list_csv_images(with_archives(open_folder(place.parent)), only=place.name)


def _list_tree(tree: Tree, kind: str | None) -> Iterator[Item]:
    """List a tree, in which archives stand for folders. Without a kind, its tables count if they cover all images.

    The tars of a WebDataset stay containers, so that those that are known are not opened.
    """
    if kind is None and webdataset.recognise_samples(tree):
        kind = SAMPLES
        _log.info("kind_recognised", source=tree.source, kind=kind, path=None)
    if kind == SAMPLES:
        return webdataset.list_samples(tree)
    tree = with_archives(tree)
    if kind is not None:
        return KINDS[kind](tree)
    kind = recognise(tree)
    return list_folders_or_table(tree, find_generator=_GENERATORS[kind]) if kind in _GENERATORS else KINDS[kind](tree)


def _refusal(place: Location, problem: str) -> UnreadableSource:
    return UnreadableSource(
        f"The source '{place}' {problem}. Accepted are '{synthetic.NAME}', a folder, an archive "
        f"({', '.join(archive.SUFFIXES)}), a table ({', '.join(TABLES)}) or a Parquet file, on this "
        f"machine, at a URL, on Kaggle ({kaggle.PREFIX}<owner>/<dataset>) or on the hub "
        f"({hub.PREFIX}<owner>/<name>). If the kind is not recognised, write it "
        f"before the location ({', '.join(f'{kind}:' for kind in KINDS)})."
    )
