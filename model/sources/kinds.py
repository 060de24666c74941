"""From the location of a source, as a person writes it, to its images."""

from collections.abc import Callable, Iterator
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
    outermost,
    read_class_folders,
    read_folders,
)
from model.sources.csv_images import read_listed_images, refuse_contradicting_tables
from model.sources.folder import open_folder
from model.sources.labelled_image import LabelledImage
from model.sources.location import Location, reaching
from model.sources.selection import EVERYTHING, Choice
from model.sources.tree import Member, Tree, is_image

Read = Callable[[Tree], Iterator[LabelledImage]]

FOLDER_KINDS: Final[dict[str, Read]] = {
    "folders": read_class_folders,
    "genimage": partial(read_class_folders, find_generator=above_the_split),
    "cnndetection": partial(read_class_folders, find_generator=outermost),
}
"""The kinds in which folders name the class, by how they name the generator."""

KINDS: Final[dict[str, Read]] = FOLDER_KINDS | {
    "csv": read_listed_images,
    "parquet": parquet.read_shards,
    "feedback": reports.read_reports,
}
"""Every kind of source by the name that can be written before its location: `csv:s3://bucket/shoes`."""


def open_source(location: str, *, choice: Choice = EVERYTHING) -> Iterator[LabelledImage]:
    """Open 'synthetic' (with options: 'synthetic?images=600&seed=7'), or a folder, an archive, a table or a shard.

    These lie on this machine, at a URL or on Kaggle ('kaggle:<owner>/<dataset>'), and may carry their kind:
    'csv:/data/shoes'. Without one it is recognised. Of the images, those are read that `choice` takes.
    Raises SourceError for a location that is none of these; a damaged archive shows only while it is read.
    """
    if synthetic.is_built_in(location):
        return synthetic.draw_images(synthetic.Order.parse(location.partition("?")[2]), choice=choice)
    kind, address = split_kind(location)
    if kaggle.is_dataset(address):
        return kaggle.name_source(_open_place(Location(kaggle.download(address)), kind, choice), address)
    return _open_place(Location(address), kind, choice)


def split_kind(location: str) -> tuple[str | None, str]:
    """Part 'csv:/data/shoes' into the kind and the address; the kind is None where none is named."""
    kind, colon, address = location.partition(":")
    return (kind, address) if colon and kind in KINDS else (None, location)


def make_absolute(location: str) -> str:
    """Resolve a relative path here, for a program that runs in another folder; all else stays as it is."""
    kind, address = split_kind(location)
    path = Path(address).expanduser()
    if not path.exists():
        return location
    return f"{kind}:{path.resolve()}" if kind else str(path.resolve())


def find_beside(file: Location, location: str) -> str:
    """Resolve a relative path from the folder of the `file` that names it; all else stays as it is."""
    kind, address = split_kind(location)
    if ":" in address or synthetic.is_built_in(address):
        return location
    if file.is_local:
        found = str((file.local.parent / Path(address).expanduser()).resolve())
    else:
        found = address if address.startswith("/") else f"{file.parent.location}/{address}"
    return f"{kind}:{found}" if kind else found


def recognise(tree: Tree) -> str:
    """Tell the kind of a tree, walking no further than it takes.

    It is one of FOLDER_KINDS when an image lies in a class folder, 'csv' when images lie elsewhere and there is a
    table, 'parquet' when there are shards, 'feedback' when these are reports.
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
            shards = "feedback" if reports.holds_reports(member) else "parquet"
        if images and tables:
            return "csv"
    return shards or "folders"


def _kind_of_folders(folders: PurePosixPath) -> str:
    if is_cnndetection(folders):
        return "cnndetection"
    return "genimage" if is_genimage(folders) else "folders"


def _open_place(place: Location, kind: str | None, choice: Choice) -> Iterator[LabelledImage]:
    with reaching(place):
        return _reached(_open(place, kind, choice), place)


def _open(place: Location, kind: str | None, choice: Choice) -> Iterator[LabelledImage]:
    """Open what is there; a web server shows no folders, so there the name alone tells a file."""
    file = _opener(place.name)
    if place.is_web and file is not None:
        return file(place, kind, choice)
    if place.is_web or _is_folder(place):
        tree = open_folder(place, choice=choice)
        if kind in FOLDER_KINDS:
            _look_at_folders(tree)
        return KINDS[kind or _recognise_safely(tree)](tree)
    if file is not None:
        return file(place, kind, choice)
    raise _refusal(place, "is neither a folder nor a file of a known kind")


def _opener(name: str) -> Callable[[Location, str | None, Choice], Iterator[LabelledImage]] | None:
    if archive.is_archive(name):
        return _read_archive
    if parquet.is_shard(name):
        return _read_shard
    return _read_table if csv_table.is_table(name) else None


def _is_folder(place: Location) -> bool:
    try:
        return place.is_folder()
    except FileNotFoundError as error:
        raise _refusal(place, "does not exist") from error


def _read_archive(place: Location, kind: str | None, choice: Choice) -> Iterator[LabelledImage]:
    if choice.opens(place.name, place.stamp):
        with archive.open_archive(place, choice=choice) as tree:
            yield from KINDS[kind or _recognise_safely(tree)](tree)


def _read_shard(place: Location, kind: str | None, choice: Choice) -> Iterator[LabelledImage]:
    shard = Member(place.name, place.open, seekable=True, stamp=place.stamp)
    tree = Tree(PurePosixPath(place.name).stem, lambda: iter([shard]), choice)
    if kind is None and not choice.opens(place.name, place.stamp):  # to recognise it, it would have to be opened
        return iter(())
    return KINDS[kind or recognise(tree)](tree)


def _read_table(place: Location, _: str | None, choice: Choice) -> Iterator[LabelledImage]:
    return read_listed_images(open_folder(place.parent, choice=choice), only=place.name)


def _recognise_safely(tree: Tree) -> str:
    """Tell the kind of a tree; folders are not taken for it where a table beside them contradicts them."""
    kind = recognise(tree)
    if kind in FOLDER_KINDS and _look_at_folders(tree):
        refuse_contradicting_tables(tree)
    return kind


def _look_at_folders(tree: Tree) -> bool:
    """Refuse a class folder that is not understood before any image is read; return whether there are tables, too."""
    tables = False
    for member in tree.members():
        if is_image(member.path):
            read_folders(PurePosixPath(member.path).parent)
        else:
            tables = tables or csv_table.is_table(member.path)
    return tables


def _refusal(place: Location, problem: str) -> SourceError:
    return SourceError(
        f"The source '{place.location}' {problem}. Accepted are '{synthetic.NAME}', a folder, an archive "
        f"({', '.join(archive.SUFFIXES)}), a table ({', '.join(csv_table.SUFFIXES)}) or a Parquet file, here, at a URL "
        f"or on Kaggle ({kaggle.PREFIX}<owner>/<dataset>), with its kind before it where it is not "
        f"recognised ({', '.join(f'{kind}:' for kind in KINDS)})."
    )


def _reached(images: Iterator[LabelledImage], place: Location) -> Iterator[LabelledImage]:
    with reaching(place):
        yield from images
