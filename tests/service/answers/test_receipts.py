"""A verdict's receipt: given when asked for, checked by the service or by anyone, worthless once altered."""

import io
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from model.errors import SettingsError
from model.settings import Settings
from service.answers import receipts
from service.answers.receipts import Notary
from service.app import create_app

Draw = Callable[..., bytes]


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


def test_a_receipt_says_what_the_verdict_said(signing: FlaskClient, draw: Draw) -> None:
    verdict = predict(signing, draw(), "?receipt=true&max_fpr=0.01")
    answer = verify(signing, verdict["receipt"])
    assert answer.status_code == 200
    assert answer.json is not None and answer.json["valid"] is True
    statement = answer.json["statement"]
    assert statement.pop("image_sha256") == verdict["image"]["sha256"]
    assert statement.pop("issued_at").endswith("Z")
    assert statement == {name: verdict[name] for name in statement}
    assert {"id", "label", "decision", "probability", "threshold", "operating_point", "model"} <= statement.keys()


def test_anyone_can_check_a_receipt_with_the_public_key(signing: FlaskClient, draw: Draw) -> None:
    verdict = predict(signing, draw())
    key = signing.get("/receipts/key").json
    assert key is not None
    statement = jwt.decode(verdict["receipt"], jwt.PyJWK(key), algorithms=["EdDSA"])
    assert (statement["decision"], statement["model"]["version"]) == (verdict["decision"], "4")


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
    key = Notary.load(tmp_path / "key.pem").key
    problem = verify(signing, receipts.jws.sign(b'{"label": "ai"}', key)).json
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
    assert printed == receipts.jws.public_jwk(Notary.load(path).public_key)
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
    for name, words in {"absent.pem": "No such file", "ec.pem": "Ed25519", "text.pem": "no private key"}.items():
        with pytest.raises(SettingsError, match=f"TRUEGRAIN_RECEIPT_KEY.*{words}.*new-key"):
            create_app(Settings(home=tmp_path / "home", receipt_key=str(tmp_path / name)))


def test_each_image_of_a_batch_has_its_own_receipt(signing: FlaskClient, draw: Draw) -> None:
    files = [(io.BytesIO(draw(brightness)), "a.jpg") for brightness in (20, 230)]
    items = (signing.post("/predict/batch?receipt=true", data={"files": files}).json or {})["items"]
    for item in items:
        statement = (verify(signing, item["verdict"]["receipt"]).json or {})["statement"]
        assert statement["id"] == item["verdict"]["id"]
