"""The files that hold reports."""

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.dataset.lake import Lake
from model.errors import SourceError
from model.feedback.reports import AGREEMENT, path_of, read_report, read_statements
from model.sources.reports import ACCEPTED
from support.user_reports import NOW, say, write_said

IMAGE = b"an image"


def test_what_was_written_is_read_back_without_the_image(lake: Lake) -> None:
    waiting = write_said(lake.root, say("ada", comment="mine"), IMAGE)
    without = write_said(lake.root, say("bob", kept=False), IMAGE)
    found = replace(say("cyd"), review=ACCEPTED, reviewed_by=AGREEMENT, reviewed_at=NOW + timedelta(hours=1))
    reviewed = write_said(lake.root, found, IMAGE)
    assert read_statements(lake.root) == [waiting, without, reviewed]
    report = read_report(lake.root, waiting.id)
    assert report is not None
    assert report["image"]["bytes"] == IMAGE


def test_where_nothing_was_reported_nothing_is_read(lake: Lake) -> None:
    assert read_statements(lake.root) == []
    assert read_report(lake.root, "0" * 32) is None


def test_a_file_of_an_earlier_version_without_a_reviewer_is_read(lake: Lake) -> None:
    said = write_said(lake.root, say("ada"), IMAGE)
    path = path_of(lake.root, said.id)
    pq.write_table(pq.read_table(path).drop_columns(["reviewed_by", "reviewed_at"]), path)
    assert read_statements(lake.root) == [said]


def test_other_files_in_the_folder_are_left_alone(lake: Lake) -> None:
    said = write_said(lake.root, say("ada"), IMAGE)
    pq.write_table(pa.table({"image": [1]}), path_of(lake.root, "2026-11"))
    assert read_statements(lake.root) == [said]


def test_a_damaged_report_is_named(lake: Lake) -> None:
    path_of(lake.root, "0" * 32).parent.mkdir(parents=True)
    path_of(lake.root, "0" * 32).write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=rf"{'0' * 32}\.parquet' cannot be read.*Remove the file"):
        read_statements(lake.root)
    with pytest.raises(SourceError, match="cannot be read"):
        read_report(lake.root, "0" * 32)


def test_a_report_that_lacks_a_column_is_named(lake: Lake) -> None:
    said = write_said(lake.root, say("ada"), IMAGE)
    path = path_of(lake.root, said.id)
    pq.write_table(pq.read_table(path).drop_columns(["client"]), path)
    with pytest.raises(SourceError, match="client"):
        read_statements(lake.root)
