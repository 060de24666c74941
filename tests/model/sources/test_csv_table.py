import time

import pytest

from model.errors import ContradictingLabels, SourceError
from model.sources import csv_text
from model.sources.csv_table import read_table
from model.sources.remarks import Remarks
from model.sources.told import Told


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
    "text",
    [
        "",
        "\n",
        "Name,label\n",
        "id\na.jpg\n",
        "a.jpg,1\nb.jpg,0\n",
        "Name,is_nice\na.jpg,1\n",
        "real_image,fake_image\na.jpg,b.jpg\n",
        "x,label\n1,1\n",
    ],
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
        (b"Name,label\n\xe4\x81re.jpg,1\n", "'train.csv' is not UTF-8: .* at byte 12.*Save it as UTF-8"),
        (b"\xff\xfeN\x00a", "is not UTF-8"),
        (b'Name,label\na.jpg,"' + b"x" * 200_000, "is no CSV that can be read: field larger"),
    ],
)
def test_a_broken_table_is_refused_with_the_line(content: bytes, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        list(read_table(content, path="train.csv") or [])


def test_a_table_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "MOST_BYTES", 10)
    with pytest.raises(SourceError, match="more than 10 bytes"):
        read_table(b"Name,label\n", path="train.csv")


def test_an_entry_knows_its_line() -> None:
    found = read_table(b"Name,label\na.jpg,1\n\nb.jpg,0\n", path="train.csv") or []
    assert [(line.number, line.name, line.label) for line in found] == [(2, "a.jpg", "ai"), (4, "b.jpg", "real")]


@pytest.mark.parametrize(
    ("first", "left_out"),
    [
        ("photo.jxl,0", ("whose file ends in '.jxl', which is no image that is read", "line 2: photo.jxl")),
        (",1", ("of no file", "line 2: ")),
        ("", None),
        (" , ", None),
    ],
)
def test_a_table_is_judged_by_all_its_lines_and_not_by_the_first(first: str, left_out: tuple[str, str] | None) -> None:
    remarks = Remarks()
    found = read_table(f"Name,label\n{first}\na.jpg,1\nb.jpg,0\n".encode(), path="train.csv", remarks=remarks)
    assert [(line.name, line.label) for line in found or []] == [("a.jpg", "ai"), ("b.jpg", "real")]
    told = [(remark.text, *remark.examples) for remark in remarks]
    assert told == ([(f"Left out: a line of the table 'train.csv' {left_out[0]}.", left_out[1])] if left_out else [])


def test_blank_lines_above_the_titles_are_passed_over() -> None:
    assert entries("\n\nName;label\na.jpg;1\n") == [("a.jpg", "ai")]


def test_the_first_column_that_mostly_names_images_is_the_one_although_another_names_more() -> None:
    text = "note,file,preview,label\n,a.jxl,x.png,1\nsee z.png,b.jpg,y.png,0\n,c.jpg,z.png,0\n,d.jpg,w.png,0\n"
    assert entries(text) == [("b.jpg", "real"), ("c.jpg", "real"), ("d.jpg", "real")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "path,label,label_name\na.jpg,1,real\nb.jpg,0,fake\n",
            (
                "Line 2 of the table 'train.csv' contradicts itself: '1' in the column 'label' means ai, but 'real' "
                "in the column 'label_name' means real, of the image 'a.jpg'. Rows of this kind: 2. If 1 stands for "
                "real images"
            ),
        ),
        ("path,class,label\na.jpg,REAL,1\n", "'REAL' in the column 'class' means real, but '1' in the column 'label'"),
        ("path,label,class\na.jpg,0,real\nb.jpg,1,real\n", "Line 3 "),
        ("path,label,what\na.jpg,0,real\nb.jpg,0.0,AI-generated\n", "Line 3 .* 'AI-generated' in the column 'what'"),
        ("path,label,generator\na.jpg,1,real\nb.jpg,0,flux\n", "Line 2 .* 'real' in the column 'generator'"),
        ("path,label,type\na.jpg,1,photo\nb.jpg,0,drawn\n", "Line 2 .* 'photo' in the column 'type' means real"),
        ("path,label,label_name\na.jpg,0,human\nb.jpg,1,human\n", "Line 3 .* 'human' in the column 'label_name'"),
        ("path,label,is_real\na.jpg,1,1\nb.jpg,0,0\n", "Line 2 .* '1' in the column 'is_real' means real"),
        ("path,is_real,label\na.jpg,False,0\n", "Line 2 .* 'False' in the column 'is_real' means ai"),
        ("path,fake,real\na.jpg,1,1\n", "Line 2 .* '1' in the column 'fake' means ai, but '1' in the column 'real'"),
        ("path,label,is_ai\na.jpg,fake,0\n", "Line 2 .* '0' in the column 'is_ai' means real"),
        ("path,label,kind\na.jpg,AI,real\n", "Line 2 .* 'AI' in the column 'label' means ai, but 'real' in the"),
    ],
)
def test_a_label_that_another_column_contradicts_is_refused_with_both_readings(text: str, complaint: str) -> None:
    with pytest.raises(ContradictingLabels, match=complaint):
        entries(text)


@pytest.mark.parametrize(
    "text",
    [
        "path,label,label_name\na.jpg,0,real\nb.jpg,1,fake\n",
        "path,label,label_name\na.jpg,0,\nb.jpg,1,unknown\n",
        "path,real,fake\na.jpg,1,0\nb.jpg,0,1\n",
        "path,label,is_real\na.jpg,0,1\nb.jpg,1,0\n",
        "real_or_not_real.jpg,label\nreal.jpg,0\nreal fake.jpg,1\n",
        "path,label,prompt\na.jpg,0,a street\nb.jpg,1,nature\n",
        "path,label,prompt\na.jpg,0,a street\nb.jpg,1,a real fake\n",
        "path,label,category\na.jpg,0,human\nb.jpg,1,human\n",
        "path,label,target\na.jpg,0,1\nb.jpg,1,0\n",
        "path,label,original_path\na.jpg,0,fake/7.jpg\nb.jpg,1,real/8.jpg\n",
    ],
)
def test_what_stands_beside_a_label_and_does_not_contradict_it_leaves_the_table_as_it_is(text: str) -> None:
    assert [label for _, label in entries(text) or []] == ["real", "ai"]


def test_a_table_of_too_many_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "MOST_LINES", 3)
    with pytest.raises(SourceError, match=r"'a\.csv' has more than 3 lines\. Split it"):
        list(read_table(b"name,label\na.jpg,1\nb.jpg,0\n\n", path="a.csv") or ())


def test_where_a_table_is_no_utf_8_is_told_however_long_it_is() -> None:
    with pytest.raises(SourceError, match=r"is not UTF-8: .* at byte 700,011\. Save it"):
        list(read_table(b"name,label\n" + b"a.jpg,1" * 100_000 + b"\x81", path="a.csv") or ())


def test_a_wide_header_costs_no_time_with_each_line() -> None:
    began = time.process_time()
    assert len(entries("name,label" + "," * 200_000 + "\n" + "a.jpg,ai\n" * 2_000) or []) == 2_000
    assert time.process_time() - began < 3


def test_long_titles_cost_no_time_with_each_line_and_claim_nothing() -> None:
    began = time.process_time()
    text = "name,label" + f",label{'x' * 100_000}" * 100 + "\n" + ("a.jpg,ai" + ",real" * 100 + "\n") * 1_000
    assert len(entries(text) or []) == 1_000
    assert time.process_time() - began < 3


def test_a_table_so_deep_that_each_line_would_cost_time_is_refused() -> None:
    with pytest.raises(SourceError, match=r"The path of the table 'd/d/.*…/d/.*x.csv' has 2,005 characters"):
        read_table(b"name,label\na.jpg,ai\n", path="d/" * 1_000 + "x.csv")


@pytest.mark.parametrize(
    "text",
    [
        "file,is_ai\na.jpg,False\nb.jpg,True\n",
        "file;generated\na.jpg;FALSE\nb.jpg;TRUE\n",
        "file,is_real\na.jpg,true\nb.jpg,false\n",
        "file,isFake\na.jpg,0.0\nb.jpg,1.0\n",
        "sep=;\nfile;label\na.jpg;0\nb.jpg;1\n",
        "\ufeffsep=|\r\nfile|label\r\na.jpg|0\r\nb.jpg|1\r\n",
        "file,class,is_fake\na.jpg,cat,0\nb.jpg,dog,1\n",
        "file,target,label\na.jpg,7,real\nb.jpg,1,fake\n",
    ],
)
def test_labels_are_read_where_the_title_or_the_cells_say_which_class_is_meant(text: str) -> None:
    assert entries(text) == [("a.jpg", "real"), ("b.jpg", "ai")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file,label\na.jpg,True\n", r"Line 2 .*: 'True' names no label in 'label'\. Name the column after the class"),
        ("file,target,category\na.jpg,0,cat\nb.jpg,6,dog\n", "Line 3 .*: '6' names no label in 'target'"),
        ("file,is_ai\n" + "a.jpg,0\n" * 1_000 + "b.jpg,2\n", "Line 1002 .*: '2' names no label in 'is_ai'"),
        (
            "file,label,generator\na.jpg,0,midjourney\nb.jpg,1,\n",
            "Line 2 .* '0' in the column 'label' means real, but the generator is 'midjourney', of the image 'a.jpg'",
        ),
    ],
)
def test_what_does_not_name_a_label_or_names_the_other_one_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        entries(text)


def test_a_generator_beside_both_classes_is_that_of_the_ai_images() -> None:
    text = b"file,label,generator\na.jpg,0,midjourney\nb.jpg,1,midjourney\nc.jpg,1,fake\n"
    assert [line.told.generator for line in read_table(text, path="t.csv") or []] == ["midjourney", "midjourney", None]


def test_split_generator_and_collection_are_read_from_their_columns() -> None:
    text = (
        b"file,label,model,source,subset\na.jpg,1,flux,https://host.example/1,train\nb.jpg,0,n/a,faces,testing\n"
        b"c.jpg,0,,real,other\n"
    )
    remarks = Remarks()
    told = [line.told for line in read_table(text, path="t.csv", remarks=remarks) or []]
    assert told == [Told("train", "flux", "host.example"), Told("test", None, "faces"), Told()]
    assert [(remark.count, remark.warns, "'other'" in remark.text) for remark in remarks] == [(1, True, True)]


def test_a_column_that_may_hold_splits_and_names_none_is_about_something_else() -> None:
    remarks = Remarks()
    text = b"file,label,set\na.jpg,1,A\n"
    assert [line.told for line in read_table(text, path="t.csv", remarks=remarks) or []] == [Told()]
    assert list(remarks) == []


def test_of_several_columns_of_images_the_one_whose_files_exist_counts() -> None:
    text = b"original_path,id,label,path\n/kaggle/7.jpg,7,0,images/a.jpg\n/kaggle/8.jpg,8,1,images/b.jpg\n"
    found = read_table(text, path="t.csv", exists={"images/a.jpg", "images/b.jpg"}.__contains__)
    assert [line.name for line in found or []] == ["images/a.jpg", "images/b.jpg"]


def test_what_excel_saves_as_plain_csv_is_read() -> None:
    assert entries("Name;label\nähre.jpg;1\n", encoding="cp1252") == [("ähre.jpg", "ai")]
