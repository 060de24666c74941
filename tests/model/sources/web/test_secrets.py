"""Texts for people contain no passwords and no signatures of URLs."""

import shutil
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from model.errors import SourceError
from model.sources.declaration import Source, declared_sources, require_image, without_images
from model.sources.kinds import read_source
from model.sources.location import Location
from model.sources.web.secrets import without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://alice:s3cret@host:9/x.zip?sig=PRESIGNED", "http://…@host:9/x.zip?…"),
        ("csv:s3://key:a@b@bucket/shoes", "csv:s3://…@bucket/shoes"),
        ("""'http://al:p'w"d@host/x.zip' is no zip""", "'http://…@host/x.zip' is no zip"),
        ("404, url='https://host/a?b=c/d#e', and http://u:p@h/", "404, url='https://host/a?…', and http://…@h/"),
        ("https://alice:it's@host/x.zip?sig=PRESIGNED", "https://…@host/x.zip?…"),
        ("http://host/a b/set (1).zip", "http://host/a b/set (1).zip"),
        ("/data/@home/what?.zip", "/data/@home/what?.zip"),
        ("synthetic?images=600&seed=7", "synthetic?images=600&seed=7"),
        ("memory://bucket", "memory://bucket"),
    ],
)
def test_what_stands_before_the_host_and_behind_the_path_is_struck_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_striking_out_takes_no_longer_than_the_text_is() -> None:
    for text in ("://" * 300_000, "a" * 1_000_000, "://" + "a" * 1_000_000, "://a?" * 200_000):
        assert without_secrets(text + "@") is not None


@pytest.mark.parametrize("location", ["http://al:s3cret@host", "http://al:s3cret@host?a@b", "s3://al:s3cret@host"])
def test_a_source_without_a_path_is_called_like_its_host(location: str) -> None:
    assert Location(location).name == "host"


@pytest.mark.parametrize("path", ["/x.zip", "/x.parquet", "/x.csv", "/set/", "/s.toml"])
def test_no_error_of_a_source_quotes_its_secrets(httpserver: HTTPServer, path: str) -> None:
    httpserver.expect_request("/x.zip").respond_with_data(b"no zip")
    httpserver.expect_request("/s.toml").respond_with_data(b"no toml")
    location = httpserver.url_for(path).replace("://", "://alice:s3cret@") + "?sig=PRESIGNED"
    with pytest.raises(SourceError) as refusal:
        [require_image(source) for source in declared_sources(location)]
    told = "".join(traceback.format_exception(refusal.value))
    assert path.rpartition(".")[0] in told
    assert "s3cret" not in told
    assert "PRESIGNED" not in told


def test_a_source_without_images_is_named_without_them() -> None:
    assert "'http://…@host/x.zip?…' holds no image" in str(without_images(Source(location="http://a:b@host/x.zip?c")))


def test_the_secrets_are_sent_all_the_same(httpserver: HTTPServer, grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["real/a.jpg"])
    packed = Path(shutil.make_archive(str(root), "zip", root)).read_bytes()
    httpserver.expect_request("/x.zip", query_string="sig=PRESIGNED").respond_with_data(packed)
    location = httpserver.url_for("/x.zip?sig=PRESIGNED").replace("://", "://alice:s3cret@")
    assert [image.label for image in read_source(location)] == ["real"]
    assert {request.authorization.password for request, _ in httpserver.log} == {"s3cret"}
    assert str(Location(location)).endswith("/x.zip?…")
