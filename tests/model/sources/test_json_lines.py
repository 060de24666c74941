from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from model.errors import SourceError
from model.sources import json_lines
from model.sources.json_lines import read_rows
from model.sources.kinds import read_source


def test_images_are_labelled_by_metadata_in_json_lines(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["train/a.jpg", "train/b.jpg", "test/a.jpg"])
    (root / "train" / "metadata.jsonl").write_text(
        '{"file_name": "a.jpg", "label": "real"}\n\n{"label": 1, "file_name": "b.jpg", "boxes": [[1, 2]]}\n'
    )
    (root / "test" / "metadata.jsonl").write_text('{"file_name": "a.jpg", "label": "fake"}')
    found = {(image.origin, image.label, image.split) for image in read_source(str(root))}
    assert found == {
        ("train/a.jpg", "real", "train"),
        ("train/b.jpg", "ai", "train"),
        ("test/a.jpg", "ai", "test"),
    }


def test_rows_have_a_cell_for_each_field_of_any_line() -> None:
    content = b'\xef\xbb\xbf{"a": true, "b": null}\r\n{"c": 0.5, "a": [1], "b": "x,y"}\n'
    assert list(read_rows(content, "t.jsonl")) == [(0, ["a", "b", "c"]), (1, ["true", "", ""]), (2, ["", "x,y", "0.5"])]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b'{"a": 1}\n{"a": ', r"Line 2 of the table 't\.jsonl' is no JSON in UTF-8"),
        (b"\xff\n", r"Line 1 .* is no JSON in UTF-8"),
        (b"[1]\n", r"Line 1 .* is no JSON object"),
        (b"[" * 100_000, r"Line 1 .* is no JSON"),
    ],
)
def test_a_line_that_is_not_understood_is_named(content: bytes, refusal: str) -> None:
    with pytest.raises(SourceError, match=refusal):
        list(read_rows(content, "t.jsonl"))


def test_a_crowd_of_lines_or_fields_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"more than 1,000\. Leave some out"):
        list(read_rows(b"".join(b'{"f%d": 1}\n' % number for number in range(1_001)), "t.jsonl"))
    monkeypatch.setattr(json_lines, "MOST_LINES", 2)
    with pytest.raises(SourceError, match="more than 2 lines"):
        list(read_rows(b'{"a": 1}\n' * 3, "t.jsonl"))
