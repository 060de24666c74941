"""Lists the images of users' reports that were accepted in a review."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from model.errors import SourceError
from model.sources.entries import Container
from model.sources.parquet import column_names, container_of, is_shard
from model.sources.shard_columns import REVIEW
from model.sources.tree import Member, Tree

SOURCE: Final = "lake/feedback"
"""The source of all images of reports, wherever they lie. No folder name can contain '/', so no other source can have
this name."""

FOLDER: Final = "feedback"
"""Folder of the lake; a report is a file in it, whose name begins with the id of the prediction."""

ACCEPTED: Final = "accepted"
REJECTED: Final = "rejected"
CONFIRMED: Final = "confirmed"

SCHEMA: Final = pa.schema(
    [
        pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("generator", pa.string()),
        pa.field(REVIEW, pa.string()),
    ]
)
"""The columns of a file of reports: the image, its label and generator according to the reporter, and the result of the
review. The result is ACCEPTED, CONFIRMED (right, but there is nothing to train on), REJECTED, or null while the report
waits."""


def holds_reports(shard: Member) -> bool:
    """Whether a shard holds reports rather than a data set; a damaged shard does not, and shows when it is read."""
    try:
        return set(SCHEMA.names) - {"generator"} <= set(column_names(shard))
    except SourceError:
        return False


def list_reports(tree: Tree) -> Iterator[Container]:
    """List the images of the accepted reports in the Parquet files of a tree, all for `train`.

    Reporters choose what they report, and a chosen sample must not decide what the test measures. Reading an entry
    raises SourceError for a file that is damaged or lacks a column of SCHEMA other than `generator`.
    """
    for member in tree.members():
        if is_shard(member.path):
            yield container_of(member, source=SOURCE, split="train", only={REVIEW: ACCEPTED})
