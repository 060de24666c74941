"""Each image keeps the revision of the file that it came from, if the store of the file names one."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.lake import Lake
from model.dataset.manifest import SCHEMA, read_candidates
from model.sources.declaration import Source
from model.sources.location import revision_of
from support.small_images import NOW, collect, many

TODAY = date(2026, 11, 2)


class Bucket(MemoryFileSystem):
    """A store that names the content of its files, as S3 does."""

    protocol = "bucket"
    store: dict[str, Any] = {}  # noqa: RUF012 - as fsspec's own class has it
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("bucket://").strip("/") if path.strip("/") else ""

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        found = super().ls(path, detail=True, **kwargs)
        tagged = [each | {"ETag": f'"tag of {each["name"].rpartition("/")[2]}"'} for each in found]
        return tagged if detail else [each["name"] for each in tagged]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    yield fsspec.filesystem("bucket")
    Bucket.store.clear()


def ingest(lake: Lake, location: str) -> "pd.Series[str]":
    """Return the revision of each image of a source by its origin."""
    for part in plan(lake, [Source(location=location)], parts=1):
        collect_part(lake, part, now=NOW)
    return lake.facts().set_index("origin")["revision"]


def test_a_file_in_a_bucket_has_its_etag(lake: Lake, bucket: Bucket) -> None:
    for image in many(6):
        bucket.pipe(f"/shop/{image.label}/{image.origin}", image.data)
    assert ingest(lake, "bucket://shop").to_dict() == {
        f"{image.label}/{image.origin}": f"tag of {image.origin}" for image in many(6)
    }


def test_an_image_in_an_archive_on_the_web_has_the_etag_of_the_archive(
    lake: Lake, tmp_path: Path, httpserver: HTTPServer
) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        for image in many(6):
            archive.writestr(f"{image.label}/{image.origin}", image.data)
    content = (tmp_path / "shop.zip").read_bytes()
    httpserver.expect_request("/shop.zip").respond_with_data(content, headers={"ETag": 'W/"4f-2"'})
    assert set(ingest(lake, httpserver.url_for("/shop.zip"))) == {"4f-2"}


def test_one_request_tells_the_stamp_and_the_revision_of_a_file_on_the_web(lake: Lake, httpserver: HTTPServer) -> None:
    files = {f"/shop/{image.label}/{image.origin}": image.data for image in many(6)}
    heads: list[str] = []

    def answer(request: Request) -> Response:
        heads.extend([request.path] * (request.method == "HEAD"))
        return Response(files[request.path], headers={"ETag": f'"{request.path[-5:]}"'})

    for folder, names in {
        "": ["real/", "ai/"],
        "real/": ["1.png", "3.png", "5.png"],
        "ai/": ["0.png", "2.png", "4.png"],
    }.items():
        page = "".join(f'<a href="{name}">{name}</a>' for name in names)
        httpserver.expect_request(f"/shop/{folder}").respond_with_data(page, content_type="text/html")
    for path in files:
        httpserver.expect_request(path).respond_with_handler(answer)
    found = ingest(lake, httpserver.url_for("/shop/"))
    assert found.to_dict() == {path.removeprefix("/shop/"): path[-5:] for path in files}
    assert len(heads) == 1 + len(files)  # planning asks until a file is new


def test_rows_of_a_shard_have_the_revision_of_the_shard(lake: Lake, bucket: Bucket) -> None:
    images = pa.array([{"bytes": image.data} for image in many(6)])
    with bucket.open("/shop/train-00000-of-00001.parquet", "wb") as file:
        pq.write_table(pa.table({"image": images, "label": [image.label for image in many(6)]}), file)
    assert set(ingest(lake, "bucket://shop")) == {"tag of train-00000-of-00001.parquet"}


def test_files_of_this_machine_have_no_revision_and_a_source_may_name_its_own(lake: Lake, tmp_path: Path) -> None:
    for image in many(6):
        path = tmp_path / "shop" / image.label / image.origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    assert ingest(lake, str(tmp_path / "shop")).isna().all()
    collect(lake, (replace(image, revision="c0ffee") for image in many(4, start=10)), now=NOW)
    rows = read_candidates(lake, assemble(lake, today=TODAY))
    assert list(rows) == SCHEMA.names
    assert rows["revision"].fillna("none").value_counts().to_dict() == {"none": 6, "c0ffee": 4}


def test_a_revision_changes_neither_the_batch_nor_the_version(lake: Lake, tmp_path: Path) -> None:
    other = Lake(str(tmp_path / "other"))
    plain = collect(lake, many(20), now=NOW)
    assert collect(other, (replace(image, revision="c0ffee") for image in many(20)), now=NOW) == plain
    assert assemble(other, today=TODAY) == assemble(lake, today=TODAY)


@pytest.mark.parametrize(
    ("info", "revision"),
    [
        ({"ETag": '"a1"', "size": 3}, "a1"),
        ({"etag": 'W/"a1"'}, "a1"),
        ({"ETag": None, "LastModified": "monday"}, None),
        ({"ETag": '""'}, None),
        ({"ETag": "a\nb"}, None),
        ({"ETag": "a" * 201}, None),
    ],
)
def test_a_revision_is_an_etag_that_can_be_kept(info: dict[str, Any], revision: str | None) -> None:
    assert revision_of(info) == revision
