import io
import re
import shutil
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from werkzeug.utils import send_file

from model.errors import SourceError
from model.sources.folder import DEEPEST, open_folder
from model.sources.kinds import read_source
from model.sources.location import Location, stamp_of

PATHS = ("train/REAL/a (2).jpg", "train/FAKE/b.jpg", "Valid/REAL/ä c.jpg", "notes.txt")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a web server for the temporary folder; it lists folders, but does not support ranges."""

    def answer(request: Request) -> Response:
        path = tmp_path / request.path.lstrip("/")
        if path.is_dir():
            names = (quote(member.name) + "/" * member.is_dir() for member in path.iterdir())
            return Response("".join(f'<a href="{name}">{name}</a>' for name in names), mimetype="text/html")
        if not path.exists():
            return Response(status=404)
        return send_file(path, request.environ, mimetype="application/octet-stream", etag=False)

    with HTTPServer("127.0.0.1", threaded=True) as server:
        server.expect_request(re.compile(".*")).respond_with_handler(answer)
        yield server.url_for("").rstrip("/")


@pytest.fixture
def bucket() -> Iterator[str]:
    """The address of a bucket in memory."""
    memory = fsspec.filesystem("memory")
    yield "memory://bucket"
    memory.rm("/bucket", recursive=True)


def upload(folder: Path) -> None:
    """Put a folder into the bucket."""
    fsspec.filesystem("memory").put(str(folder), "/bucket", recursive=True)


def facts(location: str) -> set[tuple[str, str, str | None, str, bytes]]:
    return {
        (image.source, image.label, image.split, image.origin.removeprefix("./"), image.data)
        for image in read_source(location)
    }


def test_a_folder_is_read_alike_here_in_a_bucket_and_on_the_web(
    grow: Callable[[Iterable[str]], Path], bucket: str, web: str
) -> None:
    root = grow(PATHS)
    upload(root.parent)
    here = facts(str(root))
    assert len(here) == 3
    assert facts(f"file://{root}") == here
    assert facts(f"{bucket}/shop") == here
    assert facts(f"{web}/shop") == here
    assert facts(f"{web}/shop/") == here


@pytest.mark.parametrize("kind", ["zip", "gztar", "xztar"])
def test_an_archive_is_read_alike_here_in_a_bucket_and_on_the_web(
    grow: Callable[[Iterable[str]], Path], bucket: str, web: str, kind: str
) -> None:
    root = grow(PATHS)
    archive = Path(shutil.make_archive(str(root), kind, root))
    upload(root.parent)
    here = facts(str(archive))
    assert len(here) == 3
    assert facts(f"{bucket}/{archive.name}") == here
    assert facts(f"{web}/{archive.name}?signature=a/b&expires=9") == here


def test_a_table_is_read_alike_here_in_a_bucket_and_on_the_web(
    grow: Callable[[Iterable[str]], Path], bucket: str, web: str
) -> None:
    root = grow(["images/a.jpg", "images/b.jpg"])
    (root / "all.csv").write_text("file,label\nimages/a.jpg,1\nimages/b.jpg,0\n")
    upload(root.parent)
    here = facts(str(root))
    assert {label for _, label, *_ in here} == {"real", "ai"}
    for place in (
        f"{bucket}/shop",
        f"csv:{bucket}/shop",
        f"{bucket}/shop/all.csv",
        f"{web}/shop/all.csv",
        f"{web}/shop",
    ):
        assert facts(place) == here


def test_a_shard_is_read_alike_here_in_a_bucket_and_on_the_web(tmp_path: Path, bucket: str, web: str) -> None:
    (tmp_path / "hub").mkdir()
    table = pa.table({"image": [{"bytes": b"x" * 100_000}] * 100, "label": ["real", "ai"] * 50})
    pq.write_table(
        table, tmp_path / "hub" / "test.parquet", row_group_size=10, compression="none", use_dictionary=False
    )
    upload(tmp_path)
    for place in (str(tmp_path), bucket, web):
        for name in ("hub", "hub/test.parquet"):
            images = Counter((image.label, image.split) for image in read_source(f"{place}/{name}"))
            assert images == {("real", "test"): 50, ("ai", "test"): 50}


@pytest.mark.parametrize("name", ["nothing.zip", "nothing.parquet", "nothing.csv", "nothing/", "nothing"])
def test_what_is_not_there_is_named(bucket: str, web: str, name: str) -> None:
    fsspec.filesystem("memory").pipe("/bucket/other/real/a.jpg", b"a")
    for place in (bucket, web):
        with pytest.raises(
            SourceError, match=rf"{name}' (does not exist|cannot be read: FileNotFoundError|is not in the folder)"
        ):
            list(read_source(f"{place}/{name}"))


def test_a_web_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:9/a\.zip' cannot be read: .*Connect.*Are the address"):
        list(read_source("http://127.0.0.1:9/a.zip"))
    with pytest.raises(SourceError, match=r"cannot be read: .*Connect.*the network"):
        list(read_source("http://127.0.0.1:9/shop/"))


@pytest.mark.parametrize("location", ["s3a://bucket/shop", "gs://bucket/shop.zip", "abfs://c@account/shop"])
def test_a_store_whose_package_is_missing_is_refused_with_its_name(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("s3fs", "gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SourceError, match=r"needs a package .*(s3fs|gcsfs|adlfs) to access .*`pip install` it"):
        next(read_source(location))


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(SourceError, match=r"'gopher://shop' cannot be read: .*not known: gopher"):
        next(read_source("gopher://shop"))


def test_a_store_that_fails_half_way_is_named(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/bucket/real/a.jpg": b"a", "/bucket/real/b.jpg": b"b"})
    images = read_source(bucket)
    next(images)

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("token expired")

    monkeypatch.setattr(memory, "open", refuse)
    with pytest.raises(
        SourceError, match=r"'memory://bucket' cannot be read: RuntimeError: token expired.*credentials"
    ):
        list(images)


def test_folders_without_end_at_a_url_are_refused(bucket: str) -> None:
    fsspec.filesystem("memory").pipe(f"/bucket/{'d/' * (DEEPEST + 1)}real/a.jpg", b"a")
    with pytest.raises(SourceError, match=f"more than {DEEPEST} folders below each other"):
        next(read_source(bucket))


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("s3://bucket/a/set.zip", "set.zip"),
        ("s3://bucket", "bucket"),
        ("https://host/a%20b/set%281%29.zip?key=a/b.tar", "set(1).zip"),
        ("https://host/", "host"),
        ("/data/shop/", "shop"),
        ("file:///data/shop", "shop"),
        ("hf://datasets/lab/pictures@v1", "pictures"),
        ("hf://datasets/lab/pictures@v1/all@2x.zip", "all@2x.zip"),
    ],
)
def test_a_place_is_called_by_the_end_of_its_path(location: str, name: str) -> None:
    assert Location(location).name == name


def test_a_zip_whose_files_lie_in_another_order_is_read_from_start_to_end(bucket: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name in ("c", "a", "b"):
            zipped.writestr(f"real/{name}.jpg", name)
    fsspec.filesystem("memory").pipe("/bucket/set.zip", buffer.getvalue())
    assert [image.data for image in read_source(f"{bucket}/set.zip")] == [b"c", b"a", b"b"]


def test_an_empty_tar_at_a_url_holds_no_images(bucket: str) -> None:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    fsspec.filesystem("memory").pipe("/bucket/set.tar", buffer.getvalue())
    assert list(read_source(f"{bucket}/set.tar")) == []


def test_a_file_gets_another_stamp_when_it_changes_here_in_a_bucket_and_on_the_web(
    grow: Callable[[Iterable[str]], Path], bucket: str, web: str
) -> None:
    root = grow(["real/a.jpg", "real/b.jpg"])
    upload(root.parent)
    places = [Location(f"{where}/shop") for where in (root.parent, bucket, web)]

    def stamps() -> list[dict[str, str | None]]:
        return [{member.path: member.stamp() for member in open_folder(place).members()} for place in places]

    before = stamps()
    assert None not in [stamp for found in before for stamp in found.values()]
    assert stamps() == before
    (root / "real" / "a.jpg").write_bytes(b"another picture")
    fsspec.filesystem("memory").pipe("/bucket/shop/real/a.jpg", b"another picture")
    for old, new in zip(before, stamps(), strict=True):
        assert [path for path in old if old[path] != new[path]] == ["real/a.jpg"]


def test_an_archive_gets_another_stamp_when_it_changes_here_in_a_bucket_and_on_the_web(
    tmp_path: Path, bucket: str, web: str
) -> None:
    places = [Location(f"{where}/a.zip") for where in (tmp_path, bucket, web)]
    seen = []
    for content in (b"first", b"second one"):
        (tmp_path / "a.zip").write_bytes(content)
        fsspec.filesystem("memory").pipe("/bucket/a.zip", content)
        seen.append([place.stamp() for place in places])
        assert [place.stamp() for place in places] == seen[-1]
    assert None not in seen[0]
    assert all(first != second for first, second in zip(*seen, strict=True))


@pytest.mark.parametrize(
    ("info", "stamp"),
    [
        ({"ETag": '"a1"', "LastModified": "monday", "size": 3}, '3-"a1"'),
        ({"etag": "a1", "updated": "monday", "size": 3}, "3-a1"),
        ({"last_modified": "monday", "size": 3}, "3-monday"),
        ({"ETag": None, "mtime": 7.5, "size": 3}, "3-7.5"),
        ({"size": 3, "name": "a.jpg"}, None),
    ],
)
def test_a_stamp_is_made_of_what_a_store_says_and_of_nothing_less(info: dict[str, object], stamp: str | None) -> None:
    assert stamp_of(info) == stamp
