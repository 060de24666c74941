from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.errors import SourceError
from model.sources.kinds import read_source
from model.sources.reports import ACCEPTED, REJECTED, SCHEMA, SOURCE

Write = Callable[..., Path]


def _report(number: int, label: str, review: str | None, **others: Any) -> dict[str, Any]:
    image = {"bytes": f"image {number}".encode(), "path": f"{number}.jpg"}
    return {"image": image, "label": label, "review": review, "generator": None} | others


REPORTS = [
    _report(0, "ai", ACCEPTED, generator="midjourney"),
    _report(1, "real", REJECTED),
    _report(2, "ai", None),
    _report(3, "real", ACCEPTED),
    _report(4, "ai", ACCEPTED),
    _report(5, "nothing known", REJECTED, image=None),
]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write reports into a file of the folder `feedback`, as the service does; `drop` names columns to leave out."""

    def reports(rows: list[dict[str, Any]], *, name: str = "2026-11.parquet", drop: tuple[str, ...] = ()) -> Path:
        folder = tmp_path / "feedback"
        folder.mkdir(exist_ok=True)
        nullable = pa.schema([field.with_nullable(nullable=True) for field in SCHEMA])
        pq.write_table(pa.Table.from_pylist(rows, schema=nullable).drop_columns(list(drop)), folder / name)
        return folder

    return reports


@pytest.mark.parametrize("kind", ["", "feedback:"])
@pytest.mark.parametrize("file", ["", "/2026-11.parquet"])
def test_only_accepted_reports_enter_under_what_the_reporter_said(write: Write, kind: str, file: str) -> None:
    images = list(read_source(f"{kind}{write(REPORTS)}{file}"))
    assert [(image.data, image.label, image.generator) for image in images] == [
        (b"image 0", "ai", "midjourney"),
        (b"image 3", "real", None),
        (b"image 4", "ai", "unknown"),
    ]
    assert [image.origin for image in images] == [f"2026-11.parquet#{row}" for row in (0, 3, 4)]


@pytest.mark.parametrize("file", ["", "/2026-11.parquet"])
def test_reports_are_no_ordinary_data_set(write: Write, file: str) -> None:
    with pytest.raises(SourceError, match=r"has a column 'review'.*Name the kind, feedback:<location>"):
        list(read_source(f"parquet:{write(REPORTS)}{file}"))


def test_a_report_never_decides_what_the_test_measures(write: Write) -> None:
    write(REPORTS)
    images = list(read_source(f"feedback:{write(REPORTS, name='test-00000.parquet')}"))
    assert {(image.source, image.split) for image in images} == {(SOURCE, "train")}
    assert len(images) == 6


def test_the_generator_may_be_missing(write: Write) -> None:
    images = list(read_source(str(write(REPORTS, drop=("generator",)))))
    assert [image.generator for image in images] == ["unknown", None, "unknown"]


def test_that_nothing_was_accepted_or_reported_is_no_error(write: Write, tmp_path: Path) -> None:
    assert list(read_source(str(write(REPORTS[1:3])))) == []
    (tmp_path / "empty").mkdir()
    assert list(read_source(f"feedback:{tmp_path / 'empty'}")) == []


def test_reports_without_a_review_are_refused(write: Write) -> None:
    with pytest.raises(
        SourceError, match=r"'2026-11.parquet' holds no labelled images.*Needed are .*, review and a label"
    ):
        list(read_source(f"feedback:{write(REPORTS, drop=('review',))}"))


def test_an_accepted_report_with_an_unknown_label_is_refused(write: Write) -> None:
    with pytest.raises(SourceError, match="'cat' names no label"):
        list(read_source(str(write([_report(0, "cat", ACCEPTED)]))))
