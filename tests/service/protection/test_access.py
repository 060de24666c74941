"""Every route with every role."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from model.settings import Settings
from service.protection.access import GONE, ROLES, role_of
from service.protection.api_keys import Key, Role, hash_of

Start = Callable[..., FlaskClient]

KEYS: dict[str, Role] = {"the-predict-key": "predict", "the-feedback-key": "feedback", "the-admin-key": "admin"}
EXPIRED = "the-expired-key"


@pytest.fixture(autouse=True)
def keys(give_keys: Callable[..., None]) -> None:
    """A key of each role, and one that has expired."""
    held = [Key(name=role, roles=(role,), hashes=(hash_of(secret),)) for secret, role in KEYS.items()]
    past = datetime(2026, 1, 31, tzinfo=UTC)
    give_keys(*held, Key(name="old", roles=("admin",), hashes=(hash_of(EXPIRED),), expires=past))


def routes(client: FlaskClient) -> list[tuple[str, str]]:
    rules = client.application.url_map.iter_rules()
    return [(rule.rule, method) for rule in rules for method in sorted(rule.methods or ()) if method != "OPTIONS"]


def ask(client: FlaskClient, rule: str, method: str, key: str | None = None) -> TestResponse:
    path = rule.replace("<path:filename>", "docs.css").replace("<", "").replace(">", "")
    with client.open(path, method=method, headers={"X-API-Key": key} if key else {}) as answer:
        return answer


def is_admitted(answer: TestResponse) -> bool:
    return answer.status_code not in {401, 403}


def test_every_route_admits_exactly_the_roles_of_the_table(start_client: Start) -> None:
    client = start_client(require_auth=True)
    for rule, method in routes(client):
        role = role_of(rule)
        for key, held in [*KEYS.items(), (None, None)]:
            expected = role == "open" or held in {role, "admin"}
            assert is_admitted(ask(client, rule, method, key)) == expected, (rule, method, held)


def test_every_route_is_in_the_table(start_client: Start) -> None:
    for rule, _ in routes(start_client()):
        assert any(rule == known or rule.startswith(f"{known}/") for known in ROLES), rule


def test_a_route_that_is_not_in_the_table_is_for_admins() -> None:
    assert role_of("/forgotten/<id>") == "admin"
    assert set(ROLES.values()) == {*get_args(Role), "open"}


def test_without_the_obligation_everybody_has_every_role(start_client: Start) -> None:
    client = start_client()
    assert all(is_admitted(ask(client, rule, method)) for rule, method in routes(client))


def test_a_missing_key_is_asked_for(start_client: Start) -> None:
    answer = start_client(require_auth=True).get("/model")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="truegrain"'
    assert answer.json is not None
    assert answer.json["reason"] == "key_missing"
    assert "'predict'" in answer.json["detail"]


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("secret", "reason", "words"), [("tg_wrong", "key_unknown", "mistyped"), (EXPIRED, "key_expired", "2026-01-31")]
)
def test_a_key_that_is_not_valid_is_refused_but_never_repeated(
    start_client: Start, required: bool, secret: str, reason: str, words: str
) -> None:
    answer = start_client(require_auth=required).get("/model", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.json is not None
    assert answer.json["reason"] == reason
    assert words in answer.json["detail"]
    assert secret not in answer.text


def test_a_missing_role_is_named(start_client: Start) -> None:
    answer = start_client().get("/model", headers={"X-API-Key": "the-feedback-key"})
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["reason"] == "role_missing"
    assert "'predict'" in answer.json["detail"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_can_be_sent_as_a_bearer_token(start_client: Start, scheme: str) -> None:
    answer = start_client(require_auth=True).get("/model", headers={"Authorization": f"{scheme} the-predict-key"})
    assert answer.status_code == 503, "it is admitted, but there is no detector"


def test_the_sign_in_of_a_proxy_is_no_key(start_client: Start) -> None:
    answer = start_client().get("/model", headers={"Authorization": "Basic dXNlcjpwYXNz"})
    assert answer.status_code == 503, "it is admitted, but there is no detector"


def test_a_wrong_address_or_method_is_told_to_anybody(start_client: Start) -> None:
    client = start_client(require_auth=True)
    assert client.get("/nowhere").status_code == 404
    assert client.get("/predict").status_code == 405
    assert client.options("/predict").status_code == 200


@pytest.mark.parametrize("required", [True, False])
def test_while_the_file_of_keys_is_gone_nobody_is_admitted(start_client: Start, home: Path, required: bool) -> None:
    client = start_client(require_auth=required)
    path = Settings(home=home).api_keys_path
    kept = path.read_bytes()
    path.unlink()
    for rule, method in routes(client):
        for key in (*KEYS, "tg_unknown", None):
            if role_of(rule) == "open" or (rule, required) == ("/health", False):
                continue
            answer = ask(client, rule, method, key)
            assert answer.status_code == 503, (rule, method, key)
            if method != "HEAD":
                assert (answer.json or {})["reason"] == "keys_unavailable"
                assert "is gone" in (answer.json or {})["detail"]
    assert client.get("/healthz").status_code == 200
    path.write_bytes(kept)
    assert is_admitted(ask(client, "/model", "GET", "the-predict-key"))
    assert ask(client, "/model", "GET", "tg_unknown").status_code == 401


def test_health_says_that_the_file_of_keys_is_gone(start_client: Start, home: Path) -> None:
    client = start_client()
    assert GONE not in (client.get("/health").json or {})["troubles"]
    Settings(home=home).api_keys_path.unlink()
    assert GONE in (client.get("/health").json or {})["troubles"]


def test_a_service_that_never_had_a_file_of_keys_goes_on_without(start_client: Start, home: Path) -> None:
    Settings(home=home).api_keys_path.unlink()
    assert is_admitted(ask(start_client(), "/model", "GET"))


@pytest.mark.parametrize("given", ["Basic \xff\xfe", "Basic", "Basic =", "Basic dDp0", "Bearer \xff", 'Digest a="b'])
def test_credentials_that_cannot_be_read_are_no_mistake_of_the_service(start_client: Start, given: str) -> None:
    client = start_client(require_auth=True)
    answer = client.get("/model", headers={"Authorization": given})
    assert answer.status_code == 401
    assert (answer.json or {})["reason"] in {"key_missing", "key_unknown"}
    with_key = {"Authorization": given, "X-API-Key": "the-predict-key"}
    expected = 401 if given.startswith("Bearer") else 503
    assert client.get("/model", headers=with_key).status_code == expected, "a key beside them counts"
