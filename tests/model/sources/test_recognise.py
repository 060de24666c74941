import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from model.errors import SourceError
from model.sources.recognise import open_source


def test_the_word_synthetic_opens_the_built_in_source_with_its_options() -> None:
    images = list(open_source("synthetic?images=3&size=32&generators=patch+smooth"))
    assert [image.generator for image in images] == [None, "patch", None]
    assert next(open_source("synthetic")).source == "synthetic"


def test_a_folder_is_opened(grow: Callable[[Iterable[str]], Path]) -> None:
    assert [image.origin for image in open_source(str(grow(["real/a.jpg"])))] == ["real/a.jpg"]


def test_an_archive_is_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr("ai/a.jpg", b"a")
    assert [image.label for image in open_source(str(tmp_path / "shop.zip"))] == ["ai"]


def test_the_home_folder_may_be_written_as_a_tilde(
    grow: Callable[[Iterable[str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = grow(["real/a.jpg"])
    monkeypatch.setenv("HOME", str(root.parent))
    assert [image.source for image in open_source("~/shop")] == ["shop"]


def test_a_missing_path_is_refused_with_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"does not exist.*'synthetic'.*folder.*\.tar\.xz"):
        open_source(str(tmp_path / "nothing"))


def test_a_file_of_another_kind_is_refused_with_what_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a,b")
    with pytest.raises(SourceError, match=r"neither a folder nor an archive.*\.zip"):
        open_source(str(tmp_path / "list.csv"))
