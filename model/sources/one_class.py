"""Lists images that all have the same label, such as a collection of photographs without folders of classes."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from model.errors import ContradictingLabels
from model.sources.claims import read_class_folder
from model.sources.class_folders import entry_of, folders_of
from model.sources.entries import Entry, tell
from model.sources.layout import Reading
from model.sources.remarks import Remarks
from model.sources.splits import find_split
from model.sources.tree import Tree, is_image

_NO_SPLIT: Final = (
    "The folder '{}' may name a published split. The images of a source of one class are divided anew. Leave out the "
    "kind, and put the images into folders of classes, to keep the split."
)


def list_one_class(tree: Tree, *, label: str) -> Iterator[Entry]:
    """List every image of a tree with the same label, and at the end remarks on other files.

    The innermost folder that is no split names the generator. A folder such as `val2017` names a split of another task,
    which does not count, and a warning says so. Raises ContradictingLabels for an image that lies in a folder of the
    other class.
    """
    remarks = Remarks()
    for member in tree.members(remarks):
        if is_image(member.path):
            folders = folders_of(member.path)
            _refuse_other_class(folders, label)
            generator = None
            for name in folders.parts:
                if find_split(name) is None:
                    generator = name
                else:
                    remarks.add(_NO_SPLIT.format(name[:100]), member.path, warns=True)
            yield entry_of(member, Reading(label, None, generator), source=tree.source)
        else:
            remarks.leave_out(member.path)
    yield from tell(remarks)


def _refuse_other_class(folders: PurePosixPath, label: str) -> None:
    claim = read_class_folder(folders)
    if claim is not None and claim.label != label:
        raise ContradictingLabels(
            f"The kind of the source says that every image is {label}, but {claim}. Name the folder that holds images "
            "of one class, or leave out the kind."
        )
