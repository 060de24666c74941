import io
import shutil
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from model.errors import InvalidImage, SourceError
from model.images import decode
from model.sources.archive import is_archive, read_archive
from model.sources.folder import read_folder

PATHS = ("train/REAL/a.jpg", "train/FAKE/b.jpg", "Valid/REAL/c (2).jpg", "notes.txt")
SEED = Path(__file__).parents[4] / "shared" / "data" / "cifake_seed.tar.xz"


def pack(folder: Path, archive: Path) -> Path:
    """Pack a folder, without its own name, into an archive of the kind that the name of `archive` says."""
    kind = {".zip": "zip", ".tar": "tar", ".gz": "gztar", ".tgz": "gztar", ".xz": "xztar", ".bz2": "bztar"}
    return Path(shutil.make_archive(str(archive), kind[archive.suffix], folder)).rename(archive)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"])
def test_an_archive_yields_what_its_folder_yields(
    grow: Callable[[Iterable[str]], Path], tmp_path: Path, suffix: str
) -> None:
    folder = grow(PATHS)
    images = list(read_archive(pack(folder, tmp_path / f"shop{suffix}")))
    assert {image.origin.removeprefix("./") for image in images} == set(PATHS[:3])
    assert {(i.source, i.label, i.split, i.generator, i.data) for i in images} == {
        (i.source, i.label, i.split, i.generator, i.data) for i in read_folder(folder)
    }


def test_a_zip_is_read_in_the_order_of_its_paths_and_a_tar_in_its_own(tmp_path: Path) -> None:
    paths = ["real/b.jpg", "ai/c.jpg", "real/a.jpg"]
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped, tarfile.open(tmp_path / "shop.tar", "w") as tarred:
        for path in paths:
            zipped.writestr(path, b"")
            tarred.addfile(tarfile.TarInfo(path))
    assert [image.origin for image in read_archive(tmp_path / "shop.zip")] == sorted(paths)
    assert [image.origin for image in read_archive(tmp_path / "shop.tar")] == paths


def test_suffixes_are_known_whatever_their_case() -> None:
    assert is_archive(Path("a/Set.TAR.GZ"))
    assert is_archive(Path("set.v2.zip"))
    assert not is_archive(Path("set.rar"))
    assert not is_archive(Path("zip"))


def test_an_unknown_class_folder_is_refused(grow: Callable[[Iterable[str]], Path], tmp_path: Path) -> None:
    archive = pack(grow(["reel/a.jpg"]), tmp_path / "shop.tar")
    with pytest.raises(SourceError, match=r"'reel'.*Known spellings"):
        list(read_archive(archive))


@pytest.mark.parametrize("name", ["../../real/a.jpg", "/real/../../a.jpg"])
def test_a_path_that_leaves_the_archive_is_ignored(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr(name, b"x")
    assert list(read_archive(tmp_path / "shop.zip")) == []


def test_links_in_a_tar_are_ignored(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shop.tar", "w") as tarred:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo(f"real/{kind.decode()}.jpg")
            info.type, info.linkname = kind, "/etc/hostname"
            tarred.addfile(info)
    assert list(read_archive(tmp_path / "shop.tar")) == []


def test_links_in_a_zip_are_ignored(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("real/link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr(link, "/etc/hostname")
        zipped.writestr("real/a.jpg", b"a")
    assert [image.origin for image in read_archive(tmp_path / "shop.zip")] == ["real/a.jpg"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_of_a_bomb_just_enough_is_unpacked_to_refuse_it(tmp_path: Path, suffix: str) -> None:
    bomb = tmp_path / "bomb" / "real" / "bomb.jpg"
    bomb.parent.mkdir(parents=True)
    with bomb.open("wb") as file:
        file.truncate(60_000_000)
    archive = pack(bomb.parents[1], tmp_path / f"bomb{suffix}")
    assert archive.stat().st_size < 100_000
    (image,) = read_archive(archive)
    assert len(image.data) < 51_000_000
    with pytest.raises(InvalidImage) as refusal:
        decode(image.data)
    assert refusal.value.reason == "too_many_bytes"


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_a_cut_off_archive_is_refused(grow: Callable[[Iterable[str]], Path], tmp_path: Path, suffix: str) -> None:
    archive = pack(grow(f"real/{number}.jpg" for number in range(20)), tmp_path / f"shop{suffix}")
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 3])
    with pytest.raises(SourceError, match="cannot be read"):
        list(read_archive(archive))


@pytest.mark.parametrize("name", ["shop.zip", "shop.tar", "shop.tar.gz"])
def test_a_file_that_only_calls_itself_an_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a shopping list " * 100)
    with pytest.raises(SourceError, match=f"{name}.*cannot be read"):
        list(read_archive(tmp_path / name))


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("real/a.jpg", b"a")
    content = bytearray(buffer.getvalue())
    # The encryption flag, in the file's own header and in the archive's directory.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "shop.zip").write_bytes(content)
    with pytest.raises(SourceError, match="password"):
        list(read_archive(tmp_path / "shop.zip"))


@pytest.mark.skipif(not SEED.exists(), reason=f"SKIPPED: the real data set {SEED} is not on this machine")
def test_the_published_seed_of_cifake_is_read_whole() -> None:
    counts = Counter((image.label, image.split) for image in read_archive(SEED))
    assert counts == {
        (label, split): count
        for label in ("real", "ai")
        for split, count in {"train": 2500, "val": 250, "test": 250}.items()
    }
