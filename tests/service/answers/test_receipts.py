"""A verdict's receipt: signed on request, checked by the service or by anyone, invalid once altered."""

import base64
import hashlib
import io
import json
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask.testing import FlaskClient
from jwt.algorithms import OKPAlgorithm
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from model.errors import SettingsError
from model.settings import Settings
from service.answers import receipts
from service.answers.receipts import Attested, Notary, NotSigned
from service.answers.verdict import EXAMPLE_VERDICT
from service.app import create_app

Draw = Callable[..., bytes]

NOW = datetime(2026, 11, 23, 9, 41, 7, tzinfo=UTC)
SEED = bytes(range(32))
OURS = "c3" * 16
"""The service's own id of a request."""
KID = str(Notary(Ed25519PrivateKey.from_private_bytes(SEED)).public_jwk["kid"])


def decoded(receipt: str, key: dict[str, Any]) -> dict[str, Any]:
    """Check a receipt with another library, which must be told RFC 9864's name of the algorithm."""
    other = jwt.PyJWS()
    other.register_algorithm("Ed25519", OKPAlgorithm())
    return dict(json.loads(other.decode(receipt, OKPAlgorithm.from_jwk(key), algorithms=[key["alg"]])))


def changed(token: str) -> Iterator[str]:
    for place, character in enumerate(token):
        for other in {"A", "B", "_", "."} - {character}:
            yield token[:place] + other + token[place + 1 :]


def encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.fixture
def notary() -> Notary:
    return Notary(Ed25519PrivateKey.from_private_bytes(SEED))


@pytest.fixture
def receipt(notary: Notary) -> str:
    """A receipt of the verdict in the documentation."""
    return str(notary.sign(EXAMPLE_VERDICT, at=NOW, request_id=OURS).receipt)


@pytest.fixture
def signing(home: Path, tmp_path: Path, publish: Callable[..., object]) -> Iterator[FlaskClient]:
    """A client of a service that signs receipts."""
    publish("4")
    receipts.make_key(tmp_path / "key.pem")
    app = create_app(Settings(home=home, receipt_key=str(tmp_path / "key.pem")))
    yield app.test_client()
    app.extensions["truegrain"].stop()


def predict(client: FlaskClient, image: bytes, query: str = "?receipt=true") -> dict[str, Any]:
    answer = client.post(f"/predict{query}", data=image, content_type="image/jpeg")
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def verify(client: FlaskClient, receipt: Any) -> TestResponse:
    return client.post("/receipts/verify", json={"receipt": receipt})


def test_what_was_signed_is_read_again(notary: Notary, receipt: str) -> None:
    assert notary.read(receipt) == Attested.of(EXAMPLE_VERDICT, issued_at=NOW, request_id=OURS)


def test_a_receipt_names_its_algorithm_as_rfc_9864_does(notary: Notary, receipt: str) -> None:
    assert jwt.get_unverified_header(receipt) == {"alg": "Ed25519", "kid": KID, "typ": "truegrain-receipt+jws"}
    assert notary.public_jwk["alg"] == "Ed25519"


def test_a_receipt_of_an_earlier_release_is_read_as_ever(notary: Notary) -> None:
    statement = Attested.of(EXAMPLE_VERDICT, issued_at=NOW, request_id=OURS)
    former = jwt.encode(statement.model_dump(mode="json"), notary.key, "EdDSA", {"kid": KID, "typ": None})
    assert notary.read(former) == statement


def test_what_the_key_signed_as_something_else_is_no_receipt(notary: Notary) -> None:
    statement = Attested.of(EXAMPLE_VERDICT, issued_at=NOW, request_id=OURS)
    other = jwt.encode(statement.model_dump(mode="json"), notary.key, "EdDSA", {"kid": KID, "typ": "JWT"})
    with pytest.raises(NotSigned, match=r"says that it is a JWT.*truegrain-receipt\+jws"):
        notary.read(other)


def test_the_name_of_a_key_is_the_thumbprint_of_the_standards_example() -> None:
    """The key and its thumbprint of RFC 8037, appendices A.1 to A.3."""
    seed = jwt.utils.base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    jwk = Notary(Ed25519PrivateKey.from_private_bytes(seed)).public_jwk
    assert jwk == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "use": "sig",
        "alg": "Ed25519",
    }


def test_a_receipt_with_any_character_changed_is_refused(notary: Notary, receipt: str) -> None:
    for other in changed(receipt):
        with pytest.raises(NotSigned):
            notary.read(other)


def test_another_spelling_of_the_same_receipt_is_refused(notary: Notary, receipt: str) -> None:
    """The last of the 86 characters of a signature has four unused bits."""
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(receipt[-1])
    assert last % 16 == 0
    respelt = [receipt[:-1] + chr(ord(receipt[-1]) + 1), receipt + "=", receipt + "\n", " " + receipt]
    for other in respelt:
        with pytest.raises(NotSigned):
            notary.read(other)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.e30", "ä.b.c", "\ud800.b.c", "=.=.=", "[" * 6000 + ".e30.e30"]
)
def test_what_is_no_token_is_refused(notary: Notary, token: str) -> None:
    with pytest.raises(NotSigned, match="not of the form"):
        notary.read(token)


@pytest.mark.parametrize(
    "header",
    ["{}", "[]", "7", "null", '"alg"', '["alg"]', '{"alg": 7}', '{"alg": ["Ed25519"]}', "[" * 300, "[" * 6000]
    + [f'{{"alg": "Ed25519", "kid": "{KID}", "crit": {crit}}}' for crit in ("7", "[[]]", '["b64"]', '["exp"]')],
)
def test_a_header_that_is_not_ours_is_refused(notary: Notary, receipt: str, header: str) -> None:
    _, payload, signature = receipt.split(".")
    with pytest.raises(NotSigned):
        notary.read(f"{encode(header)}.{payload}.{signature}")


@pytest.mark.parametrize("name", ["kid", "typ"])
def test_a_header_that_is_no_text_is_refused_in_words(signing: FlaskClient, draw: Draw, name: str) -> None:
    """JSON can escape a lone surrogate, which UTF-8 cannot encode in the answer."""
    _, payload, signature = predict(signing, draw())["receipt"].split(".")
    header = f'{{"alg": "Ed25519", "{name}": "half \\ud800"}}'
    answer = verify(signing, f"{encode(header)}.{payload}.{signature}")
    assert answer.status_code == 422
    assert r"half \ud800" in (answer.json or {})["detail"]


def test_a_receipt_of_another_key_is_refused_with_the_names_of_both(receipt: str) -> None:
    other = Notary(Ed25519PrivateKey.generate())
    with pytest.raises(NotSigned, match=str(other.public_jwk["kid"])) as refused:
        other.read(receipt)
    assert KID in str(refused.value)


def test_a_receipt_that_asks_not_to_be_checked_is_refused(notary: Notary) -> None:
    unsigned = jwt.encode({"label": "ai"}, None, algorithm="none", headers={"kid": KID})
    with pytest.raises(NotSigned, match="alg Ed25519 or EdDSA"):
        notary.read(unsigned)


def one_way(id_: str) -> str:
    """Return the hash of a verdict's id in a receipt: readers must not learn the id, which names a report."""
    return hashlib.sha256(id_.encode()).hexdigest()


def test_a_receipt_that_names_the_verdict_as_earlier_releases_did_is_still_valid(notary: Notary) -> None:
    statement = Attested.of(EXAMPLE_VERDICT, issued_at=NOW, request_id=OURS).model_copy(
        update={"id": EXAMPLE_VERDICT.id}
    )
    earlier = jwt.encode(statement.model_dump(mode="json"), notary.key, "EdDSA", {"kid": KID, "typ": None})
    assert notary.read(earlier).id == EXAMPLE_VERDICT.id


def test_a_receipt_says_what_the_verdict_said(signing: FlaskClient, draw: Draw) -> None:
    verdict = predict(signing, draw(), "?receipt=true&max_fpr=0.01")
    answer = verify(signing, verdict["receipt"])
    assert answer.status_code == 200
    assert answer.json is not None and answer.json["valid"] is True
    statement = answer.json["statement"]
    assert statement.pop("image_sha256") == verdict["image"]["sha256"]
    assert statement.pop("issued_at").endswith("Z")
    assert statement.pop("id") == one_way(verdict["id"])
    assert statement == {name: verdict[name] for name in statement}
    assert {"label", "decision", "probability", "threshold", "operating_point", "model"} <= statement.keys()


def test_anyone_can_check_a_receipt_with_the_public_key(signing: FlaskClient, draw: Draw) -> None:
    verdict = predict(signing, draw())
    key = signing.get("/receipts/key").json
    assert key is not None
    statement = decoded(verdict["receipt"], key)
    assert (statement["decision"], statement["model"]["version"]) == (verdict["decision"], "4")


def test_a_receipt_names_the_request_as_the_service_does_whatever_the_caller_called_it(
    signing: FlaskClient, draw: Draw
) -> None:
    words = "paid-in-full.invoice-4711"
    with capture_logs(processors=[merge_contextvars]) as lines:
        answer = signing.post(
            "/predict?receipt=true", data=draw(), content_type="image/jpeg", headers={"X-Request-ID": words}
        )
    verdict = answer.json or {}
    assert answer.headers["X-Request-ID"] == verdict["request_id"] == words
    statement = (verify(signing, verdict["receipt"]).json or {})["statement"]
    assert words not in str(statement)
    (line,) = (line for line in lines if line["event"] == "request" and line["path"] == "/predict")
    assert (line["request_id"], line["own_request_id"]) == (words, statement["request_id"])


def test_a_receipt_is_only_given_when_asked_for(signing: FlaskClient, draw: Draw) -> None:
    assert predict(signing, draw(), "")["receipt"] is None


def test_a_receipt_with_one_byte_changed_is_a_problem(signing: FlaskClient, draw: Draw) -> None:
    receipt = predict(signing, draw())["receipt"]
    middle = len(receipt) // 2
    altered = receipt[:middle] + ("A" if receipt[middle] != "A" else "B") + receipt[middle + 1 :]
    problem = verify(signing, altered)
    assert (problem.status_code, problem.content_type) == (422, "application/problem+json")
    assert problem.json is not None
    assert problem.json["reason"] == "receipt_not_valid"
    assert "altered" in problem.json["detail"]


def test_something_else_that_the_key_signed_is_no_receipt(signing: FlaskClient, tmp_path: Path) -> None:
    notary = Notary.load(tmp_path / "key.pem")
    signed = jwt.encode({"label": "ai"}, notary.key, "EdDSA", {"kid": notary.public_jwk["kid"], "typ": None})
    problem = verify(signing, signed).json
    assert problem is not None
    assert problem["reason"] == "receipt_not_valid"
    assert "not as a receipt" in problem["detail"]


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '{"receipt": 7}', '{"receipt": "' + "a" * 9000 + '"}', "\x00", "{" * 5000]
)
def test_what_is_no_question_is_explained(signing: FlaskClient, body: str) -> None:
    problem = signing.post("/receipts/verify", data=body, content_type="application/json").json
    assert problem is not None
    assert (problem["status"], problem["reason"]) == (400, "bad_request")
    assert '{"receipt":' in problem["detail"]


def test_without_a_key_the_way_to_receipts_is_told(
    publish: Callable[..., object], client: FlaskClient, draw: Draw
) -> None:
    publish("4")
    client.application.extensions["truegrain"].store.refresh()
    asked = client.post("/predict?receipt=true", data=draw(), content_type="image/jpeg")
    for answer in (asked, client.get("/receipts/key"), verify(client, "a.b.c")):
        assert answer.json is not None
        assert (answer.status_code, answer.json["reason"]) == (409, "receipts_off")
        assert "TRUEGRAIN_RECEIPT_KEY" in answer.json["detail"]


def test_the_command_makes_a_key_that_only_its_owner_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.pem"
    receipts.main(["new-key", str(path)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    printed = json.loads(capsys.readouterr().out)
    assert printed == Notary.load(path).public_jwk
    assert "d" not in printed, "the private part"


def test_the_command_replaces_no_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("something dear")
    with pytest.raises(SystemExit, match="exists"):
        receipts.main(["new-key", str(path)])
    assert path.read_text() == "something dear"


def test_a_key_that_cannot_be_used_stops_the_start_with_the_way_out(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ec.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "text.pem").write_text("no key")
    for name, words in {
        "absent.pem": "No such file",
        "ec.pem": "Ed25519",
        "text.pem": "no PEM file of a private key",
    }.items():
        with pytest.raises(SettingsError, match=f"TRUEGRAIN_RECEIPT_KEY.*{words}.*new-key"):
            create_app(Settings(home=tmp_path / "home", receipt_key=str(tmp_path / name)))


def test_each_image_of_a_batch_has_its_own_receipt(signing: FlaskClient, draw: Draw) -> None:
    files = [(io.BytesIO(draw(brightness)), "a.jpg") for brightness in (20, 230)]
    items = (signing.post("/predict/batch?receipt=true", data={"files": files}).json or {})["items"]
    for item in items:
        statement = (verify(signing, item["verdict"]["receipt"]).json or {})["statement"]
        assert statement["id"] == one_way(item["verdict"]["id"])
