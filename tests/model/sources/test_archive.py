import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from model.errors import InvalidImage, SourceError
from model.images.decoding import decode
from model.sources.archive import is_archive
from model.sources.kinds import read_source
from model.sources.labelled_image import LabelledImage

PATHS = ("train/REAL/a.jpg", "train/FAKE/b.jpg", "Valid/REAL/c (2).jpg", "notes.txt")
SHARED = Path(__file__).parents[4] / "shared" / "data"
PUBLISHED = {
    "cifake_seed": {
        ("real", "train"): 2500, ("real", "val"): 250, ("real", "test"): 250,
        ("ai", "train"): 2500, ("ai", "val"): 250, ("ai", "test"): 250,
    },
    "cifake": {
        ("real", "train"): 50_000, ("ai", "train"): 50_000, ("real", "test"): 5_013, ("ai", "test"): 5_016,
    },
    "hires_smoke": {("real", None): 160, ("ai", None): 47},
    "shoes_midjourney": {
        ("real", "train"): 593, ("real", "val"): 149, ("real", "test"): 83,
        ("ai", "train"): 976, ("ai", "val"): 244, ("ai", "test"): 136,
    },
}  # fmt: skip


def pack(folder: Path, archive: Path) -> Path:
    """Pack a folder, without its own name, into an archive of the kind that the name of `archive` says."""
    kind = {".zip": "zip", ".tar": "tar", ".gz": "gztar", ".tgz": "gztar", ".xz": "xztar", ".bz2": "bztar"}
    return Path(shutil.make_archive(str(archive), kind[archive.suffix], folder)).rename(archive)


def read(path: Path) -> Iterator[LabelledImage]:
    return read_source(str(path))


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"])
def test_an_archive_yields_what_its_folder_yields(
    grow: Callable[[Iterable[str]], Path], tmp_path: Path, suffix: str
) -> None:
    folder = grow(PATHS)
    images = list(read(pack(folder, tmp_path / f"shop{suffix}")))
    assert {image.origin.removeprefix("./") for image in images} == set(PATHS[:3])
    assert {(i.source, i.label, i.split, i.generator, i.data) for i in images} == {
        (i.source, i.label, i.split, i.generator, i.data) for i in read(folder)
    }


def test_an_archive_is_read_in_the_order_in_which_it_was_packed(tmp_path: Path) -> None:
    paths = ["real/b.jpg", "ai/c.jpg", "real/a.jpg"]
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped, tarfile.open(tmp_path / "shop.tar", "w") as tarred:
        for path in paths:
            zipped.writestr(path, b"")
            tarred.addfile(tarfile.TarInfo(path))
    assert [image.origin for image in read(tmp_path / "shop.zip")] == paths
    assert [image.origin for image in read(tmp_path / "shop.tar")] == paths


def test_suffixes_are_known_whatever_their_case() -> None:
    assert is_archive("a/Set.TAR.GZ")
    assert is_archive("set.v2.zip")
    assert not is_archive("set.rar")
    assert not is_archive("zip")


def test_an_unknown_class_folder_is_refused(grow: Callable[[Iterable[str]], Path], tmp_path: Path) -> None:
    archive = pack(grow(["reel/a.jpg"]), tmp_path / "shop.tar")
    with pytest.raises(SourceError, match=r"'reel'.*Known spellings"):
        list(read(archive))


@pytest.mark.parametrize("name", ["../../real/a.jpg", "/real/../../a.jpg", "..\\..\\real\\a.jpg"])
def test_a_path_that_leaves_the_archive_is_ignored(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr(name, b"x")
    assert list(read(tmp_path / "shop.zip")) == []


def test_links_in_a_tar_are_ignored(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shop.tar", "w") as tarred:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo(f"real/{kind.decode()}.jpg")
            info.type, info.linkname = kind, "/etc/hostname"
            tarred.addfile(info)
    assert list(read(tmp_path / "shop.tar")) == []


def test_links_in_a_zip_are_ignored(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("real/link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr(link, "/etc/hostname")
        zipped.writestr("real/a.jpg", b"a")
    assert [image.origin for image in read(tmp_path / "shop.zip")] == ["real/a.jpg"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_of_a_bomb_just_enough_is_unpacked_to_refuse_it(tmp_path: Path, suffix: str) -> None:
    bomb = tmp_path / "bomb" / "real" / "bomb.jpg"
    bomb.parent.mkdir(parents=True)
    with bomb.open("wb") as file:
        file.truncate(60_000_000)
    archive = pack(bomb.parents[1], tmp_path / f"bomb{suffix}")
    assert archive.stat().st_size < 100_000
    (image,) = read(archive)
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
        list(read(archive))


@pytest.mark.parametrize("damage", ["cut off between two files", "cut off in a header", "a header overwritten"])
def test_a_tar_that_tarfile_would_take_for_a_shorter_one_is_refused(tmp_path: Path, damage: str) -> None:
    with tarfile.open(tmp_path / "shop.tar", "w") as tarred:
        for name in ("a", "b", "c"):
            tarred.addfile(tarfile.TarInfo(f"real/{name}.jpg"))
    content = bytearray((tmp_path / "shop.tar").read_bytes())
    match damage:
        case "cut off between two files":
            del content[1024:]
        case "cut off in a header":
            del content[1100:]
        case "a header overwritten":
            content[1024:1124] = b"x" * 100
    (tmp_path / "shop.tar").write_bytes(content)
    with pytest.raises(SourceError, match="breaks off"):
        list(read(tmp_path / "shop.tar"))


@pytest.mark.parametrize("name", ["shop.zip", "shop.tar", "shop.tar.gz"])
def test_a_file_that_only_calls_itself_an_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a shopping list " * 100)
    with pytest.raises(SourceError, match=f"{name}.*cannot be read"):
        list(read(tmp_path / name))


def test_a_zip_that_lists_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("a", b"")
    content = bytearray(buffer.getvalue())
    entry = content.index(b"PK\x01\x02")
    content[entry + 28] = 0  # the length of the name
    content[entry + 30] = 1  # its byte becomes the extra field
    (tmp_path / "shop.zip").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read: it lists a file without a name"):
        list(read(tmp_path / "shop.zip"))


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
        list(read(tmp_path / "shop.zip"))


def test_ten_thousand_folders_below_each_other_are_just_a_long_path(tmp_path: Path) -> None:
    deep = "real/" + "d/" * 10_000
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped, tarfile.open(tmp_path / "shop.tar", "w") as tarred:
        zipped.writestr(f"{deep}a.jpg", b"")
        tarred.addfile(tarfile.TarInfo(f"{deep}a.jpg"))
    for suffix in ("zip", "tar"):
        assert [image.origin for image in read(tmp_path / f"shop.{suffix}")] == [f"{deep}a.jpg"]


def test_deep_folders_without_a_class_are_refused_in_a_message_one_can_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr("d/" * 10_000 + "a.jpg", b"")
    with pytest.raises(SourceError, match=r"d/d/…d/d.*have no label") as refusal:
        list(read(tmp_path / "shop.zip"))
    assert len(str(refusal.value)) < 1000


def test_an_absolute_path_in_an_archive_is_a_name_and_nothing_on_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "real" / "secret.jpg"
    secret.parent.mkdir()
    secret.write_bytes(b"secret")
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped, tarfile.open(tmp_path / "shop.tar", "w") as tarred:
        zipped.writestr(str(secret), b"")
        tarred.addfile(tarfile.TarInfo(str(secret)))
    for suffix in ("zip", "tar"):
        assert [image.data for image in read(tmp_path / f"shop.{suffix}")] == [b""]


def test_a_path_with_backslashes_as_windows_packs_it_has_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as zipped:
        zipped.writestr("train\\real\\a.jpg", b"")
    assert [(image.label, image.split) for image in read(tmp_path / "shop.zip")] == [("real", "train")]


def test_a_name_that_is_not_utf8_can_be_stored(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shop.tar", "w", format=tarfile.GNU_FORMAT) as tarred:
        tarred.addfile(tarfile.TarInfo(os.fsdecode(b"real/\xff.jpg")))
    assert [image.origin for image in read(tmp_path / "shop.tar")] == ["real/\ufffd.jpg"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_that_swells_beyond_all_photographs_is_refused_before_it_is_unpacked(
    tmp_path: Path, suffix: str
) -> None:
    forged = 5_000_000_000
    if suffix == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr("real/a.jpg", bytes(1000))
        content = bytearray(buffer.getvalue())
        entry = content.index(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = (forged % 2**32 | 0xF0000000).to_bytes(4, "little")
        (tmp_path / "bomb.zip").write_bytes(content)
    else:
        info = tarfile.TarInfo("real/a.jpg")
        info.size = forged
        (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(info.tobuf() + bytes(1024)))
    with pytest.raises(SourceError, match="taken for a bomb"):
        list(read(tmp_path / f"bomb{suffix}"))


def test_a_tar_whose_header_announces_gigabytes_of_header_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 900_000_000
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(info.tobuf() + bytes(1024)))
    with pytest.raises(SourceError, match="cannot be read: a header announces 900,000,"):
        list(read(tmp_path / "bomb.tar.gz"))


def sparse(name: str, size: int) -> bytes:
    """Return a sparse tar member (GNU's 'S'): 512 bytes, and a header that announces `size` bytes, the rest a hole."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    fields = {124: 512, 386: 0, 398: 512, 410: size, 422: 0, 483: size}
    for place, number in fields.items():
        header[place : place + 12] = b"%011o\0" % number
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(512)


def test_the_holes_of_a_sparse_tar_count_as_what_it_unpacks_to(tmp_path: Path) -> None:
    few, many = (
        b"".join(sparse(f"real/{number}.jpg", 40_000_000) for number in range(count)) + bytes(1024) for count in (2, 26)
    )
    (tmp_path / "few.tar").write_bytes(few)
    (tmp_path / "many.tar.gz").write_bytes(gzip.compress(many))
    assert [len(image.data) for image in read(tmp_path / "few.tar")] == [40_000_000] * 2
    with pytest.raises(SourceError, match=r"to 1,040,000,000 bytes or more.*taken for a bomb"):
        list(read(tmp_path / "many.tar.gz"))


def test_a_tar_whose_map_of_holes_has_no_end_is_refused(tmp_path: Path) -> None:
    number = 2_500_000
    table = (b"%d\n" % (2 * number) + b"0\n" * 2 * number).ljust(1024)
    info = tarfile.TarInfo("real/a.jpg")
    info.size = len(table)
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "40"}
    packed = info.tobuf(tarfile.PAX_FORMAT) + table + bytes(1024)
    (tmp_path / "holes.tar.gz").write_bytes(gzip.compress(packed, 1))
    with pytest.raises(SourceError, match="bytes of header"):
        list(read(tmp_path / "holes.tar.gz"))


def test_a_tar_of_headers_rather_than_files_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo.create_pax_global_header({"comment": "x" * 1_000_000})
    packed = b"".join(header + tarfile.TarInfo(f"real/{number}.jpg").tobuf() for number in range(8)) + bytes(1024)
    (tmp_path / "headers.tar.gz").write_bytes(gzip.compress(packed, 1))
    with pytest.raises(SourceError, match=r"headers of [45],\d+,\d+ bytes stand before its files"):
        list(read(tmp_path / "headers.tar.gz"))


@pytest.mark.parametrize(
    ("scope", "told", "complaint"),
    [
        ("archive", {f"k{number}": "" for number in range(101)}, "a header has 101 pax records; at most 100 are read"),
        ("file", {f"k{number}": "" for number in range(101)}, "a header has 101 pax records; at most 100 are read"),
        ("archive", {"path": "p" * 4_097}, "a path for all files has 4,097 characters; at most 4,096 are read"),
    ],
)
def test_a_tar_of_which_each_file_would_copy_long_headers_is_refused(
    tmp_path: Path, scope: str, told: dict[str, str], complaint: str
) -> None:
    if scope == "archive":
        header = tarfile.TarInfo.create_pax_global_header(told) + tarfile.TarInfo("real/0.txt").tobuf()
    else:
        info = tarfile.TarInfo("real/0.txt")
        info.pax_headers = told
        header = info.tobuf(tarfile.PAX_FORMAT)
    packed = header + tarfile.TarInfo("real/1.txt").tobuf() + bytes(1024)
    (tmp_path / "headers.tar.gz").write_bytes(gzip.compress(packed, 1))
    with pytest.raises(SourceError, match=f"cannot be read: {complaint}"):
        list(read(tmp_path / "headers.tar.gz"))


def test_a_tar_with_headers_as_tar_programs_write_them_is_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shop.tar", "w", pax_headers={"comment": "0" * 40}) as tarred:
        info = tarfile.TarInfo(f"real/{'ä' * 200}.jpg")
        info.pax_headers = {"mtime": "1.5", **{f"SCHILY.xattr.user.{number}": "x" * 200 for number in range(20)}}
        tarred.addfile(info)
    assert [image.origin for image in read(tmp_path / "shop.tar")] == [info.name]


def test_a_tar_whose_header_leads_back_is_refused(tmp_path: Path) -> None:
    for name, size in (("file", -1024), ("header", -1024)):
        info = tarfile.TarInfo("real/a.jpg")
        if name == "header":
            info.type = tarfile.XHDTYPE
        header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        header[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        (tmp_path / f"{name}.tar.gz").write_bytes(gzip.compress(bytes(header) + bytes(2048)))
        with pytest.raises(SourceError, match=r"cannot be read: a header (points back|announces -)"):
            list(read(tmp_path / f"{name}.tar.gz"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_cannot_be_unpacked_a_little_at_a_time_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w", method) as zipped:
        zipped.writestr("real/a.jpg", bytes(100_000))
    with pytest.raises(SourceError, match=r"'real/a.jpg' has an unsupported compression; use Deflate"):
        list(read(tmp_path / "shop.zip"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_real_data_sets_are_read_as_they_were_published(name: str) -> None:
    archive = SHARED / f"{name}.tar.xz"
    if not archive.exists():
        pytest.skip(f"SKIPPED: the real data set {archive} is not on this machine")
    assert Counter((image.label, image.split) for image in read(archive)) == PUBLISHED[name]
