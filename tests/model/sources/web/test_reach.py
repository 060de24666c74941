"""Which addresses a source on the web may reach, with real servers: a foreign one, and one in our own network."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from model.errors import SettingsError, SourceError
from model.settings import Settings
from model.sources.declaration import declared_sources
from model.sources.kinds import read_source
from model.sources.web import client
from model.sources.web.reach import Guard, Reach, is_private

PAGE = '<a href="ai/">ai/</a>'
FOLDER = '<a href="a.jpg">a.jpg</a>'
INTERNAL = "for the own network only"


@pytest.fixture
def foreign(httpserver: HTTPServer) -> HTTPServer:
    """A server that a user names as a source; tests set its answers."""
    httpserver.expect_request("/set/").respond_with_data(PAGE, content_type="text/html")
    httpserver.expect_request("/set/ai/").respond_with_data(FOLDER, content_type="text/html")
    return httpserver


@pytest.fixture
def internal() -> Iterator[HTTPServer]:
    """A server in our own network, which no user names."""
    with HTTPServer("127.0.0.1", threaded=True) as server:
        server.expect_request("/latest").respond_with_data(INTERNAL)
        yield server


def read(server: HTTPServer, reach: Reach = Reach(), *, path: str = "/set/") -> list[bytes]:  # noqa: B008 - frozen
    return [image.data for image in read_source(server.url_for(path), reach)]


def lead(server: HTTPServer, path: str, to: str) -> None:
    server.expect_request(path).respond_with_response(Response(status=302, headers={"Location": to}))


def test_a_server_that_a_person_names_by_its_address_is_read(foreign: HTTPServer) -> None:
    foreign.expect_request("/set/ai/a.jpg").respond_with_data(b"a picture")
    assert read(foreign) == [b"a picture"]


def test_a_redirect_within_the_server_is_followed(foreign: HTTPServer) -> None:
    lead(foreign, "/set/ai/a.jpg", foreign.url_for("/elsewhere.jpg"))
    foreign.expect_request("/elsewhere.jpg").respond_with_data(b"a picture")
    assert read(foreign) == [b"a picture"]


@pytest.mark.parametrize("path", ["/set/ai/a.jpg", "/set/ai/", "/set.zip", "/set.parquet", "/set.csv"])
def test_a_redirect_into_the_own_network_is_refused_before_anything_is_asked(
    foreign: HTTPServer, internal: HTTPServer, path: str
) -> None:
    foreign.clear()
    lead(foreign, path, internal.url_for("/latest"))
    foreign.expect_request("/").respond_with_data('<a href="set.csv">', content_type="text/html")
    if path.startswith("/set/"):
        foreign.expect_request("/set/").respond_with_data(PAGE, content_type="text/html")
        foreign.expect_request("/set/ai/").respond_with_data(FOLDER, content_type="text/html")
    with pytest.raises(SourceError, match=r"leads to '127\.0\.0\.1' \(127\.0\.0\.1\).*TRUEGRAIN_SOURCE_HOSTS"):
        read(foreign, path="/set/" if path.startswith("/set/") else path)
    assert internal.log == []


def test_a_host_that_the_settings_name_may_be_led_to(foreign: HTTPServer, internal: HTTPServer) -> None:
    lead(foreign, "/set/ai/a.jpg", internal.url_for("/latest"))
    for hosts in ("127.0.0.1", f"data.lan, 127.0.0.1:{internal.port}"):
        assert read(foreign, Reach.of(Settings(source_hosts=hosts))) == [INTERNAL.encode()]
    with pytest.raises(SourceError, match="TRUEGRAIN_SOURCE_HOSTS"):
        read(foreign, Reach.of(Settings(source_hosts=f"127.0.0.1:{foreign.port}")))


class Rebinding:
    """An attacker's name server, which may change its answer: it must not be asked twice for one connection."""

    asked = 0

    async def resolve(self, host: str, port: int, family: int) -> list[dict[str, object]]:
        Rebinding.asked += 1
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


def test_a_name_is_held_to_the_addresses_that_are_connected_to(
    internal: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SystemResolver", Rebinding)
    location = f"http://data.example:{internal.port}/latest.zip"
    with pytest.raises(SourceError, match=r"leads to 'data\.example' \(127\.0\.0\.1\)"):
        list(read_source(location))
    assert (Rebinding.asked, internal.log) == (1, [])
    internal.expect_request("/latest.zip").respond_with_data(status=404)
    with pytest.raises(SourceError, match="FileNotFoundError"):
        list(read_source(location, Reach.of(Settings(source_hosts="data.example"))))
    assert [request.path for request, _ in internal.log] == ["/latest.zip"]


@pytest.mark.parametrize("host", ["data.example", "127.0.0.1", "fileserver"])
def test_only_what_a_person_wrote_as_an_address_or_a_name_of_the_own_network_names_itself(host: str) -> None:
    guard = Guard((host, 80), Reach())
    if host == "data.example":
        with pytest.raises(SourceError, match="leads to"):
            guard.refuse_private(host, 80, ["10.0.0.5"])
    else:
        guard.refuse_private(host, 80, ["10.0.0.5"])
    with pytest.raises(SourceError, match="leads to"):
        guard.refuse_private(host, 8080, ["10.0.0.5"])
    guard.refuse_private(host, 8080, ["93.184.215.14"])


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("93.184.215.14", False), ("2606:2800:21f::1", False), ("64:ff9b::5db8:d70e", False),
        ("127.0.0.1", True), ("10.1.2.3", True), ("172.16.0.1", True), ("192.168.1.1", True), ("169.254.169.254", True),
        ("100.64.0.1", True), ("0.0.0.1", True), ("224.0.0.1", True), ("255.255.255.255", True), ("::", True),
        ("::1", True), ("fe80::1%eth0", True), ("fd00::1", True), ("ff02::1", True), ("::ffff:10.0.0.1", True),
        ("2002:7f00:1::", True), ("64:ff9b::a9fe:a9fe", True), ("64:ff9b:1::7f00:1", True), ("fec0::1", True),
    ],
)  # fmt: skip
def test_addresses_of_the_internet_are_told_from_all_others(address: str, *, private: bool) -> None:
    assert is_private(ip_address(address)) is private


@pytest.mark.parametrize(
    "hosts", ["http://data.example", "data.example/x", "a b:c", "alice@data.example", "host:99999"]
)
def test_a_setting_that_is_no_list_of_hosts_is_refused(hosts: str) -> None:
    with pytest.raises(SettingsError, match="is no host such as"):
        Reach.of(Settings(source_hosts=hosts))


def test_hosts_are_read_with_their_ports() -> None:
    reach = Reach.of(Settings(source_hosts="Data.example, [::1]:8080,", source_max_gb=0.5))
    assert reach == Reach((("data.example", None), ("::1", 8080)), 500_000_000)
    assert reach.names("DATA.example", 1)
    assert not reach.names("::1", 80)


def declare(server: HTTPServer, location: str) -> str:
    server.expect_request("/sets/s.toml").respond_with_data(f'[sources.x]\nlocation = "{location}"\nlicence = "ours"\n')
    return server.url_for("/sets/s.toml")


@pytest.mark.parametrize(
    "location",
    [
        "/etc", "file:///etc", "csv:/etc/all.csv", "local:///etc", "../private.zip", "a/%2e%2e/%2e%2e/b.zip",
        "http://10.0.0.5/x.zip", "parquet:http://127.0.0.1:1/x", "https://data.example/x.zip", "s3://bucket/x",
        "memory://x", "kaggle:somebody/set", "zip::file:///etc/x.zip", "//etc/x", "file:/etc",
        "folders:synthetic?/../../../etc", "csv:synthetic",
    ],
)  # fmt: skip
def test_a_declaration_on_the_web_names_nothing_but_what_lies_below_it(foreign: HTTPServer, location: str) -> None:
    with pytest.raises(SourceError, match=r"\[sources.x\] of 'http://127.*' names '.*'.*TRUEGRAIN_SOURCE_HOSTS.*copy"):
        declared_sources(declare(foreign, location))


def test_a_kind_makes_no_path_of_the_built_in_source(foreign: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"mine")
    out = "../" * 30
    url = declare(foreign, f'synthetic?/{out}{tmp_path}"\nkind = "folders')
    with pytest.raises(SourceError, match="names 'folders:synthetic"):
        declared_sources(url)


@pytest.mark.parametrize(
    "location", ["shop", "csv:deep/er/all.csv", "synthetic?images=4", "https://data.example/x.zip", "s3://bucket/x"]
)
def test_a_declaration_on_the_web_names_what_lies_below_it_and_what_the_settings_name(
    foreign: HTTPServer, location: str
) -> None:
    reach = Reach.of(Settings(source_hosts="data.example,bucket"))
    (source,) = declared_sources(declare(foreign, location), reach)
    assert source.location.endswith(location.removeprefix("csv:"))


def test_a_declaration_on_this_machine_names_what_a_person_could_name(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[sources.x]\nlocation = "http://10.0.0.5/x.zip"\nlicence = "ours"\n')
    (source,) = declared_sources(str(tmp_path / "s.toml"))
    assert source.location == "http://10.0.0.5/x.zip"
