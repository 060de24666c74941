"""Archives inside folders and archives."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from model.errors import SourceError
from model.sources.kinds import open_source, read_source


def zipped(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(location: Path) -> list[tuple[str, str, bytes]]:
    return [(image.origin, image.label, image.data) for image in read_source(str(location))]


BOTH = {"real/1.jpg": b"r", "fake/1.jpg": b"f", "__MACOSX/x.zip": b"no zip"}


def test_a_folder_of_archives_is_read_like_a_folder_of_folders(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(BOTH))
    (tmp_path / "b.tar").write_bytes(tarred(BOTH))
    assert read(tmp_path) == [
        ("a/real/1.jpg", "real", b"r"), ("a/fake/1.jpg", "ai", b"f"),
        ("b/real/1.jpg", "real", b"r"), ("b/fake/1.jpg", "ai", b"f"),
    ]  # fmt: skip
    assert {image.collection for image in read_source(str(tmp_path))} == {"a", "b"}


def test_the_names_of_archives_may_name_class_split_and_generator(tmp_path: Path) -> None:
    for name in ("train/real.zip", "train/ai/flux.zip", "test/real.zip", "test/fake.zip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(zipped({"1.jpg": name.encode()}))
    assert {image.data: (image.label, image.split, image.generator) for image in read_source(str(tmp_path))} == {
        b"train/real.zip": ("real", "train", None), b"train/ai/flux.zip": ("ai", "train", "flux"),
        b"test/real.zip": ("real", "test", None), b"test/fake.zip": ("ai", "test", "unknown"),
    }  # fmt: skip


@pytest.mark.parametrize("outer", [zipped, tarred])
@pytest.mark.parametrize("inner", [("part1.zip", zipped), ("part1.tar", tarred)])
def test_an_archive_in_an_archive_is_read(tmp_path: Path, outer, inner) -> None:
    name, pack = inner
    path = tmp_path / f"all{'.zip' if outer is zipped else '.tar'}"
    path.write_bytes(outer({f"data/{name}": pack(BOTH), "data/README.md": b"x"}))
    assert read(path) == [("data/part1/real/1.jpg", "real", b"r"), ("data/part1/fake/1.jpg", "ai", b"f")]


@pytest.mark.parametrize("inside", ["train/a.jpg", "a.jpg"])
@pytest.mark.parametrize("location", ["", "train.csv"])
def test_a_table_beside_its_zip_labels_what_is_in_the_zip(tmp_path: Path, inside: str, location: str) -> None:
    (tmp_path / "train.zip").write_bytes(zipped({inside: b"a", inside.replace("a.jpg", "b.jpg"): b"b"}))
    (tmp_path / "train.csv").write_text("path,label\ntrain/a.jpg,0\ntrain/b.jpg,1\n")
    assert [found[1:] for found in read(tmp_path / location)] == [("real", b"a"), ("ai", b"b")]


def test_archives_that_hold_each_other_without_end_are_refused(tmp_path: Path) -> None:
    content = zipped(BOTH)
    for _ in range(3):
        content = zipped({"x.zip": content})
    (tmp_path / "deep.zip").write_bytes(content)
    with pytest.raises(SourceError, match=r"'x/x/x\.zip' lies in 3 archives inside each other"):
        read(tmp_path / "deep.zip")


def test_archives_in_an_archive_that_together_are_a_bomb_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    bomb = bytearray(zipped({"real/1.jpg": bytes(1000)}, method=zipfile.ZIP_DEFLATED))
    directory = bomb.index(b"PK\x01\x02")
    bomb[directory + 24 : directory + 28] = (400_000_000).to_bytes(4, "little")
    (tmp_path / "one.zip").write_bytes(bomb)
    (tmp_path / "all.zip").write_bytes(zipped({f"{number}.zip": bytes(bomb) for number in range(3)}))
    with pytest.raises(SourceError, match=r"'all' with the archives in it unpacks from .* to 1,200,000,000 bytes"):
        read(tmp_path / "all.zip")


def test_a_damaged_archive_inside_is_named(tmp_path: Path) -> None:
    (tmp_path / "part1.zip").write_bytes(b"no zip")
    with pytest.raises(SourceError, match=r"The archive 'part1\.zip' cannot be read"):
        read(tmp_path)


def test_a_file_without_a_time_of_its_own_changes_with_its_archive(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tarred({"real/1.jpg": b"1"}))
    with open_source(str(tmp_path)) as items:
        (stamp,) = [item.stamp() for item in items]
    assert stamp
    (tmp_path / "a.tar").write_bytes(tarred({"real/1.jpg": b"12" * 5_000}))
    with open_source(str(tmp_path)) as items:
        assert [item.stamp() for item in items] != [stamp]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_tars_one_behind_the_other_are_all_read(tmp_path: Path, suffix: str) -> None:
    modes = {".tar": "w", ".tar.gz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}
    content = b""
    for name in ("real/1.jpg", "fake/2.jpg", "fake/3.jpg"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=modes[suffix]) as archive:
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"data"))
        content += buffer.getvalue()
    (tmp_path / f"both{suffix}").write_bytes(content)
    assert [found[:2] for found in read(tmp_path / f"both{suffix}")] == [
        ("real/1.jpg", "real"), ("fake/2.jpg", "ai"), ("fake/3.jpg", "ai"),
    ]  # fmt: skip


def test_what_stands_behind_a_tar_and_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.tar").write_bytes(tarred({"real/1.jpg": b"1"}) + b"something else" * 100)
    with pytest.raises(SourceError, match=r"shop.tar' cannot be read"):
        read(tmp_path / "shop.tar")
