"""The headers for browsers, and which names, sites and proxies the service trusts."""

from collections.abc import Callable

import pytest
from flask import request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from model.errors import SettingsError
from service.protection.browsers import SECURITY_HEADERS

Start = Callable[..., FlaskClient]
SHOP = "https://shop.example"
NEEDED = "X-API-Key, X-Report-Token"
"""Headers that a page needs to send a key, and to change a report that was made without a key."""


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/docs"), ("GET", "/healthz"), ("GET", "/nowhere"), ("PUT", "/predict"), ("POST", "/predict")],
)
def test_every_answer_carries_the_security_headers(client: FlaskClient, method: str, path: str) -> None:
    headers = client.open(path, method=method).headers
    assert SECURITY_HEADERS.items() <= dict(headers).items()
    assert headers["Cache-Control"] == "no-store"


def test_pages_may_load_nothing_inline_and_nothing_from_elsewhere(client: FlaskClient) -> None:
    policy = dict(part.split(" ", 1) for part in client.get("/docs").headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    allowed = set(" ".join(policy.values()).split())
    assert allowed <= {"'none'", "'self'", "blob:", "data:"}
    assert policy["script-src"] == policy["style-src"] == "'self'"


def test_over_tls_browsers_are_told_to_stay_there(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" in client.get("/healthz", base_url="https://localhost").headers
    assert "Strict-Transport-Security" not in client.get("/healthz").headers


def test_pages_of_other_origins_may_not_read_answers_unless_listed(start_client: Start) -> None:
    def allowed(client: FlaskClient, origin: str) -> str | None:
        return client.get("/healthz", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")

    assert allowed(start_client(), SHOP) is None
    listing = start_client(cors_origins=f"{SHOP}, https://lab.example")
    assert allowed(listing, SHOP) == SHOP
    assert allowed(listing, "https://lab.example") == "https://lab.example"
    assert allowed(listing, "https://evil.example") is None
    assert allowed(listing, f"{SHOP}.evil.example") is None


def test_a_listed_page_may_send_a_key_and_read_why_it_was_refused(start_client: Start) -> None:
    client = start_client(cors_origins=SHOP, require_auth=True)
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": NEEDED}
    preflight = client.options("/predict", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Headers"] == NEEDED
    refused = client.post("/predict", headers={"Origin": SHOP})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, SHOP)
    assert "X-Request-ID" in refused.headers["Access-Control-Expose-Headers"]


def test_only_trusted_names_are_answered_to(start_client: Start) -> None:
    client = start_client(trusted_hosts="truegrain.example, .shop.example")
    names = {"truegrain.example": 200, "a.shop.example:8000": 200, "localhost:8000": 200, "evil.example": 400}
    assert {name: client.get("/healthz", headers={"Host": name}).status_code for name in names} == names
    answer = client.get("/docs", headers={"Host": "evil.example"})
    assert answer.json is not None
    assert answer.json["reason"] == "untrusted_host"
    assert "'evil.example'" in answer.json["detail"]


@pytest.mark.parametrize("pattern", ["https://*.shop.example", "https://shop.example/", "shop.example", "https://a b"])
def test_an_origin_that_is_none_keeps_the_service_from_starting(start_client: Start, pattern: str) -> None:
    """flask-cors would read the first as a regular expression, and allow https://xshop.example.evil.org."""
    with pytest.raises(SettingsError, match=r"TRUEGRAIN_CORS_ORIGINS='.*' is not allowed: .* https://shop\.example"):
        start_client(cors_origins=f"{SHOP}, {pattern}")


@pytest.mark.parametrize("origin", [SHOP, "http://localhost:3000", "HTTPS://Shop.Example", "http://10.0.0.7:80", "*"])
def test_an_origin_is_a_scheme_a_host_and_perhaps_a_port(start_client: Start, origin: str) -> None:
    answer = start_client(cors_origins=origin).get("/healthz", headers={"Origin": origin.lower()})
    assert answer.headers["Access-Control-Allow-Origin"] in {origin, origin.lower()}


@pytest.mark.parametrize("bound", ["0.0.0.0", "192.0.2.1", "::", "truegrain"])  # noqa: S104 - nothing is bound
def test_without_a_list_any_name_will_do_for_a_service_that_others_reach(start_client: Start, bound: str) -> None:
    answer = ask_as(start_client(), "anything.example", bound)
    assert answer.status_code == 200


@pytest.mark.parametrize("bound", ["127.0.0.1", "::1"])
def test_without_a_list_a_service_for_this_machine_alone_has_only_local_names(start_client: Start, bound: str) -> None:
    client = start_client()
    names = {
        "localhost:8000": 200,
        "127.0.0.1": 200,
        "[::1]:8000": 200,
        "evil.example:8000": 400,
        "127.0.0.1.nip.io": 400,
    }
    assert {name: ask_as(client, name, bound).status_code for name in names} == names
    answer = ask_as(client, "evil.example", bound)
    assert (answer.json or {})["reason"] == "untrusted_host"
    assert "TRUEGRAIN_TRUSTED_HOSTS" in answer.text
    listing = start_client(trusted_hosts="truegrain.example")
    assert ask_as(listing, "truegrain.example", bound).status_code == 200


def ask_as(client: FlaskClient, name: str, bound: str) -> TestResponse:
    """Send a request to a host name; SERVER_NAME is the address that gunicorn's socket is bound to."""
    return client.get("/healthz", headers={"Host": name}, environ_overrides={"SERVER_NAME": bound})


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/predict"), ("DELETE", "/feedback/x"), ("POST", "/receipts/verify")]
)
def test_a_page_of_another_site_can_change_nothing(start_client: Start, method: str, path: str) -> None:
    client = start_client(cors_origins="https://lab.example")

    def ask(**headers: str) -> TestResponse:
        return client.open(path, method=method, headers={name.replace("_", "-"): at for name, at in headers.items()})

    refused = ask(Sec_Fetch_Site="cross-site", Origin="https://evil.example")
    assert (refused.status_code, (refused.json or {})["reason"]) == (403, "cross_site")
    assert "'https://evil.example'" in refused.text
    assert ask(Sec_Fetch_Site="cross-site").status_code == 403
    assert ask(Sec_Fetch_Site="cross-site", Origin="null").status_code == 403
    assert ask(Sec_Fetch_Site="same-site", Origin="http://localhost:3000").status_code == 403, "another port"
    assert ask(Sec_Fetch_Site="same-site", Origin="http://wiki.localhost").status_code == 403
    for allowed in (
        ask(Sec_Fetch_Site="cross-site", Origin="https://lab.example"),
        ask(Sec_Fetch_Site="same-site", Origin="https://lab.example"),
        ask(Sec_Fetch_Site="same-origin", Origin="http://localhost"),
        ask(Sec_Fetch_Site="none"),
        ask(),
    ):
        assert allowed.status_code != 403


def test_a_browser_that_names_only_the_origin_is_believed_as_far(start_client: Start) -> None:
    """Over plain HTTP, browsers send Sec-Fetch-Site to localhost alone."""
    client = start_client(cors_origins="https://lab.example")

    def ask(origin: str, host: str = "truegrain.lan:8000", method: str = "POST") -> int:
        return client.open("/predict", method=method, headers={"Origin": origin, "Host": host}).status_code

    for origin in ("http://evil.example", "http://truegrain.lan", "http://truegrain.lan:8000.evil.example", "null"):
        assert ask(origin) == 403, origin
        assert ask(origin, method="DELETE") == 403, origin
        assert ask(origin, method="GET") == 405, origin
    for origin in ("http://truegrain.lan:8000", "https://truegrain.lan:8000", "HTTPS://Lab.example"):
        assert ask(origin) != 403, origin
    assert ask("http://truegrain.lan", host="Truegrain.lan:80") != 403


def test_a_page_of_another_site_may_link_to_what_changes_nothing_and_all_pages_may_be_let_in(
    start_client: Start,
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert start_client().get("/docs", headers=headers).status_code == 200
    assert start_client(cors_origins="*").post("/predict", headers=headers).status_code != 403


def test_no_forwarded_host_and_no_forwarded_path_is_believed(start_client: Start) -> None:
    client = start_client(proxies=1, trusted_hosts="truegrain.example")
    forged = {"Host": "evil.example", "X-Forwarded-Host": "truegrain.example"}
    assert client.get("/healthz", headers=forged).status_code == 400
    page = client.get("/", headers={"Host": "truegrain.example", "X-Forwarded-Prefix": "//evil.example"})
    assert page.status_code == 200
    assert "evil.example" not in page.text


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "127.0.0.1"), (1, "192.0.2.3"), (2, "192.0.2.2")], ids=["none", "one", "two"]
)
def test_so_many_proxies_are_believed_as_there_are(start_client: Start, proxies: int, address: str) -> None:
    client = start_client(proxies=proxies)
    client.application.add_url_rule("/static/who", view_func=lambda: f"{request.remote_addr} {request.scheme}")
    forwarded = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2, 192.0.2.3", "X-Forwarded-Proto": "http, https, https"}
    answer = client.get("/static/who", headers=forwarded)
    assert answer.text == f"{address} {'https' if proxies else 'http'}"
