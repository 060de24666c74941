import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.errors import SourceError
from model.sources.kinds import read_source

IMAGES = [b"first", b"second"]
STRUCTS = [{"bytes": image, "path": None} for image in IMAGES]


def write(folder: Path, columns: dict[str, Any], **features: Any) -> str:
    table = pa.table(columns)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, folder / "train-00000-of-00001.parquet")
    return str(folder)


def read(location: str) -> list[tuple[str, bytes]]:
    return [(image.label, image.data) for image in read_source(location)]


@pytest.mark.parametrize(
    "images",
    [
        pa.array(STRUCTS),
        pa.array([{"path": "a.jpg", "bytes": image} for image in IMAGES]),
        pa.array([{"bytes": image} for image in IMAGES]),
        pa.array(IMAGES, pa.binary()),
        pa.array(IMAGES, pa.large_binary()),
    ],
)
@pytest.mark.parametrize("title", ["image", "pixels of it"])
def test_images_are_structs_or_plain_bytes_under_any_title(tmp_path: Path, images: pa.Array, title: str) -> None:
    location = write(tmp_path, {title: images, "label": ["real", "fake"]})
    assert read(location) == [("real", b"first"), ("ai", b"second")]


@pytest.mark.parametrize(
    ("further", "title"), [({"mask": STRUCTS}, "image"), ({"icc": [b"", b""]}, "jpg"), ({"thumb": STRUCTS}, "img")]
)
def test_of_several_columns_the_one_that_is_called_image_counts(
    tmp_path: Path, further: dict[str, Any], title: str
) -> None:
    assert read(write(tmp_path, further | {title: STRUCTS, "label": ["real", "fake"]}))[1] == ("ai", b"second")


def test_plain_bytes_beside_other_bytes_are_read_by_their_title(tmp_path: Path) -> None:
    """As in Community Forensics."""
    columns = {"mask": IMAGES[::-1], "image_data": IMAGES, "label": [0, 1]}
    assert read(write(tmp_path, columns, label={"_type": "ClassLabel", "names": ["real", "fake"]}))[1] == (
        "ai",
        b"second",
    )


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        ({"left": STRUCTS, "right": STRUCTS}, "may hold the images: left, right"),
        ({"images": [STRUCTS, STRUCTS]}, "The column 'images' .* holds lists of images"),
        ({"words": ["a", "b"]}, "holds no labelled images: its columns are words, label"),
    ],
)
def test_a_column_that_is_not_clear_is_refused(tmp_path: Path, columns: dict[str, Any], refusal: str) -> None:
    with pytest.raises(SourceError, match=refusal):
        read(write(tmp_path, columns | {"label": ["real", "fake"]}))


def test_an_image_without_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no bytes"):
        read(write(tmp_path, {"image": pa.array([b"x", None]), "label": ["real", "fake"]}))


def test_a_class_label_of_any_title_gives_the_label(tmp_path: Path) -> None:
    named = {"names": ["artificial", "human"], "_type": "ClassLabel"}
    objects = {"names": ["cat", "dog"], "_type": "ClassLabel"}
    location = write(tmp_path, {"image": STRUCTS, "animal": [0, 1], "origin": [0, 1]}, animal=objects, origin=named)
    assert [label for label, _ in read(location)] == ["ai", "real"]
    with pytest.raises(SourceError, match="a ClassLabel whose names are classes"):
        read(write(tmp_path, {"image": STRUCTS, "animal": [0, 1]}, animal=objects))
