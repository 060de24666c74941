"""JWS: text signed with Ed25519 in the compact form of RFC 7515, which any library for JOSE can check (RFC 8037)."""

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class NotSigned(Exception):
    """A token is no compact JWS, or was not signed with the key at hand; the message says which."""


def sign(payload: bytes, key: Ed25519PrivateKey) -> str:
    """Return header, payload and signature, each in base64url, with dots between; the header names the key."""
    header = json.dumps({"alg": "EdDSA", "kid": key_id(key.public_key())}, separators=(",", ":"))
    signed = f"{_encode(header.encode())}.{_encode(payload)}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def verify(token: str, key: Ed25519PublicKey) -> bytes:
    """Return the payload of `token`; raises NotSigned unless `key` signed exactly this."""
    try:
        header, payload, signature = token.encode("ascii").split(b".")
        found = json.loads(_decode(header))
        content, proof = _decode(payload), _decode(signature)
    except (ValueError, RecursionError) as error:  # binascii.Error, UnicodeError and JSONDecodeError are ValueErrors
        raise NotSigned("it is not of the form <header>.<payload>.<signature>, each in base64url") from error
    if not isinstance(found, dict) or found.get("alg") != "EdDSA":
        raise NotSigned("its header does not say that it was signed with Ed25519 (alg EdDSA)")
    if (name := found.get("kid")) != key_id(key):
        raise NotSigned(f"it was signed with the key {str(name)[:64]}, and the one in use here is {key_id(key)}")
    try:
        key.verify(proof, header + b"." + payload)
    except InvalidSignature:
        raise NotSigned("it was altered after it had been signed") from None
    return content


def public_jwk(key: Ed25519PublicKey) -> dict[str, Any]:
    """Return the key as a JSON Web Key (RFC 8037, section 2)."""
    return {**_required_members(key), "kid": key_id(key), "use": "sig", "alg": "EdDSA"}


def key_id(key: Ed25519PublicKey) -> str:
    """Return the key's thumbprint (RFC 7638), by which a token names the key it was signed with."""
    members = json.dumps(_required_members(key), separators=(",", ":"), sort_keys=True)
    return _encode(hashlib.sha256(members.encode()).digest())


def _required_members(key: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _encode(key.public_bytes_raw())}


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: bytes) -> bytes:
    """Undo `_encode`; raises binascii.Error for any other spelling, so that no two tokens are the same receipt."""
    data = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data).encode() != text:
        raise binascii.Error("not the only spelling")
    return data
