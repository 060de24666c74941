"""Lists a tree whose images lie in class folders, and whose tables may label them too."""

from collections.abc import Iterator
from functools import partial

from model.sources.class_folders import list_class_folders, survey
from model.sources.csv_images import list_csv_images
from model.sources.csv_listing import covers, look_through, refuse_contradicting_tables
from model.sources.entries import Entry, tell
from model.sources.layout import FindGenerator
from model.sources.remarks import Remarks
from model.sources.tree import Tree


def list_folders_or_table(tree: Tree, *, find_generator: FindGenerator = lambda _: None) -> Iterator[Entry]:
    """List the images of a tree with class folders, labelled by its tables if they cover all images, else by folders.

    A remark says which of them counts. Raises ContradictingLabels if a table contradicts the class folders, and
    SourceError if the folders above an image name no label, or two.
    """
    layout, has_tables = survey(tree, find_generator)
    listed = partial(list_class_folders, tree, layout=layout)
    if not has_tables:
        yield from listed()
        return
    listing = look_through(tree, tolerant=True)
    refuse_contradicting_tables(listing)
    remarks = Remarks()
    tables = ", ".join(f"'{table}'" for table in list(listing.tables)[:5])
    if covers(listing):
        remarks.add(
            f"Labels, generators and splits come from the table {tables}, which covers all images.",
            next(iter(listing.tables)),
        )
        yield from list_csv_images(tree, listing=listing, layout=layout)
    else:
        for table in listing.tables:
            remarks.add(f"The class folders count, not the table '{table}': it does not cover all images.", table)
        for table, reason in listing.other_tables.items():
            remarks.add(f"The class folders count, not the table '{table}': it {reason}.", table)
        yield from listed()
    yield from tell(remarks)
