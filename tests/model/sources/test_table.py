import pytest

from model.errors import SourceError
from model.sources import table
from model.sources.table import Entry, read_table


def entries(text: str, *, encoding: str = "utf-8") -> list[tuple[str, str]] | None:
    found = read_table(text.encode(encoding), path="train.csv")
    return None if found is None else [(entry.name, entry.label) for entry in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name,label\na.jpg,Real\nb (2).png,AI\n", [("a.jpg", "real"), ("b (2).png", "ai")]),
        ("Name,label\na.jpg,0\nb.jpg,1\n", [("a.jpg", "real"), ("b.jpg", "ai")]),
        (",file_name,label\n0,train_data/0a.jpg,1\n1,train_data/0b.jpg,0\n", [
            ("train_data/0a.jpg", "ai"), ("train_data/0b.jpg", "real"),
        ]),
        ("LABEL;path\r\nfake;x\\a.JPG\r\n", [("x/a.JPG", "ai")]),
        ("id\timage\tClass\n7\ta.webp\t1.0\n", [("a.webp", "ai")]),
        ('image,label\n"a, b.jpg",human\n\n', [("a, b.jpg", "real")]),
    ],
)  # fmt: skip
def test_the_columns_are_found_by_their_titles_and_contents(text: str, expected: list[tuple[str, str]]) -> None:
    assert entries(text) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_save_is_read(encoding: str) -> None:
    assert entries("Name,label\nährenfeld.jpg,1\n", encoding=encoding) == [("ährenfeld.jpg", "ai")]


@pytest.mark.parametrize(
    "text", ["", "\n", "Name,label\n", "id\na.jpg\n", "a.jpg,1\nb.jpg,0\n", "Name,is_real\na.jpg,1\n", "x,label\n1,1\n"]
)
def test_a_table_without_labelled_images_is_told_from_a_broken_one(text: str) -> None:
    assert entries(text) is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            b"Name,label\na.jpg,1\nb.jpg,2\n",
            r"Line 3 of the table 'train.csv': '2' names no label.*0 \(real\), 1 \(AI\)",
        ),
        (b"Name,label\na.jpg,\n", "Line 2 .* '' names no label"),
        (b"Name,label\na.jpg,1\nb.jpg\n", "Line 3 .* ends early: it has 1 cells"),
        (b"Name,label\n\xe4hre.jpg,1\n", "'train.csv' is not UTF-8: invalid .* at byte 11.*Save it as UTF-8"),
        (b"\xff\xfeN\x00a", "is not UTF-8"),
        (b'Name,label\na.jpg,"' + b"x" * 200_000, "is no CSV that can be read: field larger"),
    ],
)
def test_a_broken_table_is_refused_with_the_line(content: bytes, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        list(read_table(content, path="train.csv") or [])


def test_a_table_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_BYTES", 10)
    with pytest.raises(SourceError, match="more than 10 bytes"):
        read_table(b"Name,label\n", path="train.csv")


def test_an_entry_knows_its_line() -> None:
    assert list(read_table(b"Name,label\na.jpg,1\n\nb.jpg,0\n", path="train.csv") or []) == [
        Entry(2, "a.jpg", "ai"), Entry(4, "b.jpg", "real"),
    ]  # fmt: skip
