"""Tokens that other libraries check, and of which no byte can be changed."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.answers import jws
from service.answers.jws import NotSigned

PAYLOAD = json.dumps({"label": "ai"}).encode()
RFC_8037 = {
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "thumbprint": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
}

DEEP = base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.e30"


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_what_was_signed_is_read_again(key: Ed25519PrivateKey) -> None:
    assert jws.verify(jws.sign(PAYLOAD, key), key.public_key()) == PAYLOAD


def test_another_library_accepts_a_token_by_the_public_key_alone(key: Ed25519PrivateKey) -> None:
    public = jwt.PyJWK(jws.public_jwk(key.public_key()))
    token = jws.sign(PAYLOAD, key)
    assert jwt.decode(token, public, algorithms=["EdDSA"]) == json.loads(PAYLOAD)
    assert jwt.get_unverified_header(token)["kid"] == public.key_id


def test_the_thumbprint_is_that_of_the_standards_example() -> None:
    raw = jwt.utils.base64url_decode(RFC_8037["x"])
    assert jws.key_id(Ed25519PublicKey.from_public_bytes(raw)) == RFC_8037["thumbprint"]


def test_a_token_with_any_character_changed_is_refused(key: Ed25519PrivateKey) -> None:
    token = jws.sign(PAYLOAD, key)
    for place, character in enumerate(token):
        for other in {"A", "B", "_", "."} - {character}:
            with pytest.raises(NotSigned):
                jws.verify(token[:place] + other + token[place + 1 :], key.public_key())


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.e30", "ä.b.c", "W10.e30.e30", "=.=.=", DEEP]
)
def test_what_is_no_token_is_refused(key: Ed25519PrivateKey, token: str) -> None:
    with pytest.raises(NotSigned):
        jws.verify(token, key.public_key())


def test_a_token_of_another_key_is_refused_with_the_names_of_both(key: Ed25519PrivateKey) -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(NotSigned, match=jws.key_id(other.public_key())) as refused:
        jws.verify(jws.sign(PAYLOAD, other), key.public_key())
    assert jws.key_id(key.public_key()) in str(refused.value)


def test_a_token_that_asks_not_to_be_checked_is_refused(key: Ed25519PrivateKey) -> None:
    unsigned = jwt.encode({"label": "ai"}, None, algorithm="none")
    with pytest.raises(NotSigned, match="EdDSA"):
        jws.verify(unsigned, key.public_key())
