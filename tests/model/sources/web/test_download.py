"""Downloads always end, whatever a server sends."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from model.errors import SourceError, StorageFull
from model.sources import declaration
from model.sources.declaration import declared_sources
from model.sources.kinds import read_source
from model.sources.location import Location, reaching
from model.sources.web import client, download, links
from model.sources.web.download import open_copy
from model.sources.web.reach import Reach

PIECE = bytes(100_000)


@pytest.fixture
def endless(httpserver: HTTPServer) -> Iterator[HTTPServer]:
    """A server whose files have no end; `sent` counts the pieces."""
    httpserver.sent = []  # type: ignore[attr-defined]

    def pieces() -> Iterator[bytes]:
        while len(httpserver.sent) < 2_000:  # type: ignore[attr-defined]
            httpserver.sent.append(1)  # type: ignore[attr-defined]
            yield PIECE

    def answer(request: Request) -> Response:
        if request.path == "/set/":
            return Response('<a href="train.parquet">', mimetype="text/html")
        return Response(pieces(), mimetype="application/octet-stream")

    for path in ("/set/", "/x.zip", "/x.toml", "/page", "/page/", "/set/train.parquet"):
        httpserver.expect_request(path).respond_with_handler(answer)
    yield httpserver


@pytest.mark.parametrize("path", ["/x.zip", "/x.parquet", "/set/"])
def test_no_more_than_the_settings_say_is_downloaded_of_a_file(endless: HTTPServer, path: str) -> None:
    endless.expect_request("/x.parquet").respond_with_response(Response(PIECE * 40))
    with pytest.raises(SourceError, match=r"has more than 0\.003 GB, .*Raise TRUEGRAIN_SOURCE_MAX_GB"):
        list(read_source(("parquet:" if path == "/set/" else "") + endless.url_for(path), Reach(most_bytes=3_000_000)))
    assert len(endless.sent) < 1_000  # type: ignore[attr-defined]


def test_a_declaration_without_end_is_refused_after_a_megabyte(endless: HTTPServer) -> None:
    with pytest.raises(SourceError, match=r"x\.toml' has more than 1,000,000 bytes"):
        declared_sources(endless.url_for("/x.toml"))
    assert len(endless.sent) < 1_000  # type: ignore[attr-defined]


def test_a_long_declaration_is_refused_here_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declaration, "_MOST_BYTES", 10)
    (tmp_path / "s.toml").write_text("#" * 11)
    with pytest.raises(SourceError, match=r"has more than 10 bytes\. Split it"):
        declared_sources(str(tmp_path / "s.toml"))


def test_a_declaration_of_too_many_brackets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(SourceError, match=r"is no TOML in UTF-8: .*recursion"):
        declared_sources(str(tmp_path / "s.toml"))


def test_a_page_without_end_is_refused(endless: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MOST_BYTES", 1_000_000)
    with pytest.raises(SourceError, match=r"page' has more than 1,000,000 bytes: it is no folder"):
        list(read_source(endless.url_for("/page")))
    assert len(endless.sent) < 1_000  # type: ignore[attr-defined]


def test_a_copy_leaves_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_copy(io.BytesIO(PIECE)) as copy:
        assert copy.read() == PIECE
    disk = SimpleNamespace(f_blocks=1_000_000, f_frsize=4096, f_bavail=100_010)  # 10 % of the disk and 40 kB are free
    monkeypatch.setattr(download.os, "fstatvfs", lambda _: disk)
    with pytest.raises(StorageFull, match=r"0\.4 GB of the disk must stay free.*TMPDIR"), open_copy(io.BytesIO(PIECE)):
        pass


@pytest.mark.parametrize("what", ["folder", "declaration", "headers"])
def test_what_is_short_does_not_come_byte_by_byte_for_ever(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def answer(_: Request) -> Response:
        if what == "headers":
            pause.wait(5.0)
        return Response(drip(), mimetype="text/html")

    def drip() -> Iterator[bytes]:
        while len(sent) < 100 and not pause.wait(0.1):
            sent.append(1)
            yield b" "

    sent: list[int] = []
    pause = Event()
    monkeypatch.setattr(client, "_SECONDS_FOR_A_PAGE", 1)
    httpserver.expect_request("/page").respond_with_handler(answer)
    httpserver.expect_request("/page/").respond_with_handler(answer)
    httpserver.expect_request("/page.toml").respond_with_handler(answer)
    place = Location(httpserver.url_for("/page"))
    try:
        with pytest.raises(SourceError, match=r"/page[^ ]*' cannot be read: TimeoutError: it took too long"):
            match what:
                case "folder":
                    list(read_source(f"folders:{place}"))
                case "declaration":
                    declared_sources(f"{place}.toml")
                case "headers":
                    with reaching(place):
                        place.stamp()
    finally:
        pause.set()
    assert len(sent) < 50


def test_a_long_download_may_take_its_time(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(15):
            time.sleep(0.1)
            yield b"x"

    monkeypatch.setattr(client, "_SECONDS_FOR_A_PAGE", 1)
    httpserver.expect_request("/set/").respond_with_data('<a href="real/">', content_type="text/html")
    httpserver.expect_request("/set/real/").respond_with_data('<a href="a.jpg">', content_type="text/html")
    httpserver.expect_request("/set/real/a.jpg").respond_with_handler(lambda _: Response(pieces()))
    assert [image.data for image in read_source(f"folders:{httpserver.url_for('/set')}")] == [b"x" * 15]
