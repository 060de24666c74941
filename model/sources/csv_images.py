"""Lists images that are labelled by CSV tables in the same folder or archive."""

from collections.abc import Iterator
from dataclasses import replace

from model.errors import SourceError
from model.sources.class_folders import entry_of, folders_of, note_odd_split
from model.sources.csv_listing import Listing, agree, look_through, match
from model.sources.entries import Entry, tell
from model.sources.image_paths import plain
from model.sources.layout import Layout, Reading
from model.sources.told import Told
from model.sources.tree import Tree, is_image, is_table


def list_csv_images(
    tree: Tree, *, only: str | None = None, listing: Listing | None = None, layout: Layout | None = None
) -> Iterator[Entry]:
    """List the images that the tables of a tree label, in the tree's order; `only` is the path of the one table to use.

    The tree is walked twice, first for the tables, unless their `listing` is given. `ImagePaths.find` says which file
    a name in a table means. Split, generator and collection come from the tables, else from the folders. Remarks on
    images that no table lists, and on tables without labels, come at the end.

    Raises SourceError for a table that cannot be understood, names a missing file, or contradicts itself, another table
    or the folders of its images.
    """
    listing = listing or look_through(tree, only=only)
    if only is not None and only not in (*listing.tables, *listing.other_tables):
        raise SourceError(f"The table '{only}' is not in the folder '{tree.source}', or the folder cannot be listed.")
    found = match(listing, source=tree.source)
    layout, remarks = layout or Layout(map(folders_of, found)), listing.remarks
    for member in tree.members(remarks):
        path = plain(member.path)
        if path in found:
            label, told = found[path]
            reading = _combine(label, told, layout.read(folders_of(path)), path)
            note_odd_split(reading, path, remarks)
            claims = (label, *filter(None, (told.split, told.generator, told.collection)))
            yield entry_of(replace(member, path=path), reading, source=tree.source, claims=claims)
        elif is_image(path):
            remarks.add("Left out: an image that no table lists.", path)
        elif not is_table(path):
            remarks.leave_out(path)
    yield from tell(remarks)


def _combine(label: str, told: Told, folders: Reading, path: str) -> Reading:
    """Return what table and folders say about an image; where both name a generator, the table counts."""
    split = agree(told.split, folders.split, f"a table and the folders name two splits of the image '{path[-200:]}'")
    generator = told.generator or (folders.generator if folders.label == label else None)
    odd_split = None if split else folders.odd_split
    return Reading(label, split, generator, told.collection or folders.collection, odd_split)
