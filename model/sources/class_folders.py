"""Lists images whose folders name their class, and also reads split, generator and collection from the folders."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from model.labels import AI, CLASSES
from model.sources.entries import Entry, Facts, ImageFile, tell
from model.sources.folder_names import names_generator
from model.sources.labelled_image import LabelledImage
from model.sources.layout import FindGenerator, Layout, Reading, read_split, refuse_unlabelled
from model.sources.remarks import Remarks
from model.sources.splits import find_split
from model.sources.tree import Member, Tree, is_image, is_spreadsheet, is_table

UNKNOWN_GENERATOR = "unknown"
"""The generator of an AI image when the source does not say."""

_GENIMAGE_CLASSES = ("ai", "nature")
_CNNDETECTION_CLASSES = ("0_real", "1_fake")


def list_class_folders(
    tree: Tree, *, find_generator: FindGenerator = lambda _: None, layout: Layout | None = None
) -> Iterator[Entry]:
    """List the images of a tree with class folders, and at the end remarks on other files.

    Without the `layout` of the tree, the tree is walked twice. Raises SourceError, before any image is listed, if
    folders name no label, or two.
    """
    layout = layout or survey(tree, find_generator)[0]
    remarks = Remarks()
    for member in tree.members(remarks):
        if is_image(member.path):
            reading = layout.read(folders_of(member.path))
            note_odd_split(reading, member.path, remarks)
            yield entry_of(member, reading, source=tree.source)
        else:
            remarks.leave_out(member.path)
    yield from tell(remarks)


def survey(tree: Tree, find_generator: FindGenerator) -> tuple[Layout, bool]:
    """Walk through a tree once, and return its layout, and whether there are tables, too.

    Raises SourceError if the folders above an image name no label, or two.
    """
    folders, tables, sheets = dict[PurePosixPath, None](), False, list[str]()
    for member in tree.members():
        if is_image(member.path):
            folders[folders_of(member.path)] = None
        else:
            tables = tables or is_table(member.path)
            sheets += [member.path] if not sheets and is_spreadsheet(member.path) else []
    refuse_unlabelled(folders, hint=f" Save the sheet '{sheets[0][-200:]}' as CSV if it has them." if sheets else "")
    return Layout(folders, find_generator), tables


def note_odd_split(reading: Reading, path: str, remarks: Remarks) -> None:
    """Remark, as a warning, on a folder that may name a split, but is not understood."""
    if reading.odd_split is not None:
        remarks.add(
            f"The folder '{reading.odd_split}' may name a published split, but is not understood: its images are "
            "divided as if they had none. Rename the folder to train, val or test if it is one.",
            path,
            warns=True,
        )


def entry_of(member: Member, reading: Reading, *, source: str, claims: tuple[str, ...] = ()) -> Entry:
    """Return the entry of one image file; `reading` must have a label, and its generator is used for AI images only."""
    label = reading.label
    assert label is not None  # noqa: S101 - a listing refuses images without a label
    generator = (reading.generator or UNKNOWN_GENERATOR) if label == CLASSES[AI] else None
    facts = Facts(label, reading.split, generator, reading.collection)

    def read() -> Iterator[LabelledImage]:
        yield LabelledImage(
            data=member.read(),
            label=label,
            source=source,
            origin=member.path,
            generator=facts.generator,
            split=facts.split,
            collection=facts.collection,
        )

    file = ImageFile(member.path, member.listed, source, facts, claims) if member.listed else None
    return Entry(member.path, read, member.stamp, claims, member.revision, known=lambda: iter([facts]), file=file)


def folders_of(path: str) -> PurePosixPath:
    """Return the folders above a file; files in the same folder share one cached object."""
    return _as_path(path.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _as_path(folders: str) -> PurePosixPath:
    return PurePosixPath(folders)


def above_the_split(folders: PurePosixPath) -> str | None:
    """Find the generator in GenImage's `<generator>/{train,val}/{ai,nature}` (arXiv 2306.08571)."""
    above = folders.parts[:-2]
    return above[-1] if above and is_genimage(folders) else None


def outermost(folders: PurePosixPath) -> str | None:
    """Find the generator in CNNDetection's `[<split>/]<generator>/[<class>/]{0_real,1_fake}` (arXiv 1912.11035).

    Its `train` and `val` hold images of one generator in folders of what they show: `train/car/1_fake`. There only the
    name of a known generator counts.
    """
    above = [name for name in folders.parts[:-1] if find_split(name) is None]
    if not above or not is_cnndetection(folders):
        return None
    known = next(filter(names_generator, above), None)
    if known is not None or read_split(folders) in ("train", "val"):
        return known
    splits = [number for number, name in enumerate(folders.parts) if find_split(name) is not None]
    inside = folders.parts[splits[-1] + 1 : -1] if splits else ()
    return inside[0] if inside else above[0]


def is_genimage(folders: PurePosixPath) -> bool:
    """Whether `folders` are in GenImage's layout, below a generator."""
    *above, split, name = ("", "", *folders.parts)
    return name in _GENIMAGE_CLASSES and find_split(split) is not None and any(above)


def is_cnndetection(folders: PurePosixPath) -> bool:
    """Whether `folders` are in CNNDetection's layout."""
    return folders.name in _CNNDETECTION_CLASSES
