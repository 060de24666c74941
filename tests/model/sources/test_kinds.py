import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from model.errors import SourceError
from model.sources.kinds import make_absolute, read_source, recognise, split_kind
from model.sources.tree import Member, Tree


def test_the_word_synthetic_opens_the_built_in_source_with_its_options() -> None:
    images = list(read_source("synthetic?images=3&size=32&generators=patch+smooth"))
    assert [image.generator for image in images] == [None, "patch", None]
    assert next(read_source("synthetic")).source == "synthetic"


def test_a_folder_is_opened(grow: Callable[[Iterable[str]], Path]) -> None:
    assert [image.origin for image in read_source(str(grow(["real/a.jpg"])))] == ["real/a.jpg"]


def test_an_archive_is_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr("ai/a.jpg", b"a")
    assert [image.label for image in read_source(str(tmp_path / "shop.zip"))] == ["ai"]


def test_the_home_folder_may_be_written_as_a_tilde(
    grow: Callable[[Iterable[str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = grow(["real/a.jpg"])
    monkeypatch.setenv("HOME", str(root.parent))
    assert [image.source for image in read_source("~/shop")] == ["shop"]


def test_a_missing_path_is_refused_with_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"does not exist.*'synthetic'.*folder.*\.tar\.xz"):
        next(read_source(str(tmp_path / "nothing")))


def test_a_pipe_is_no_archive_whose_writer_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(SourceError, match="neither a folder nor a file of a known kind"):
        next(read_source(str(tmp_path / "x.zip")))


def test_a_file_of_another_kind_is_refused_with_what_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a,b")
    with pytest.raises(SourceError, match=r"neither a folder nor a file of a known kind.*\.zip.*\.csv.*csv:"):
        next(read_source(str(tmp_path / "list.txt")))


def test_cifake_as_published_has_no_val_and_repeats_its_names(grow: Callable[[Iterable[str]], Path]) -> None:
    name = "1000 (10).jpg"
    root = grow(f"DATASET/{split}/{label}/{name}" for split in ("train", "test") for label in ("REAL", "FAKE"))
    archive = shutil.make_archive(str(root), "zip", root)
    for location in (str(root), archive):
        assert {(image.label, image.split, image.generator) for image in read_source(location)} == {
            ("real", "train", None), ("ai", "train", "unknown"), ("real", "test", None), ("ai", "test", "unknown"),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("paths", "kind"),
    [
        (["a/real/x.jpg"], "folders"),
        (["a.csv", "real/x.jpg"], "folders"),
        (["sdv4/train/ai/x.png"], "genimage"),
        (["train/ai/x.png"], "folders"),
        (["progan/cat/0_real/x.png"], "cnndetection"),
        (["x.jpg", "a.csv"], "csv"),
        (["data/train.parquet", "cover.png"], "parquet"),
        (["a.csv", "notes.txt"], "folders"),
        ([], "folders"),
    ],
)
def test_the_kind_is_recognised_by_the_names_of_the_files(paths: list[str], kind: str) -> None:
    tree = Tree("shop", lambda: (Member(path, partial(io.BytesIO, b"")) for path in paths))
    assert recognise(tree) == kind


def test_a_kind_can_be_named_before_any_location() -> None:
    assert split_kind("csv:s3://bucket/shoes") == ("csv", "s3://bucket/shoes")
    assert split_kind("parquet:/data/hub") == ("parquet", "/data/hub")
    assert split_kind("https://host/set.zip") == (None, "https://host/set.zip")
    assert split_kind("/data/csv:odd") == (None, "/data/csv:odd")


def test_a_named_kind_whose_files_are_not_there_is_refused(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["real/a.jpg"])
    with pytest.raises(SourceError, match="No table"):
        list(read_source(f"csv:{root}"))
    with pytest.raises(SourceError, match=r"'shop' holds no Parquet file"):
        list(read_source(f"parquet:{root}"))


def test_a_relative_location_is_made_absolute_with_its_kind(
    grow: Callable[[Iterable[str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = grow(["real/a.jpg"])
    monkeypatch.chdir(root.parent)
    assert make_absolute("shop") == str(root)
    assert make_absolute("csv:shop") == f"csv:{root}"
    assert make_absolute("synthetic?images=6") == "synthetic?images=6"
    assert make_absolute("csv:s3://bucket/shop") == "csv:s3://bucket/shop"
