"""Signs verdicts as receipts. The holder of a receipt can prove later what the service said.

`python -m service.answers.receipts new-key <path>` makes the key that TRUEGRAIN_RECEIPT_KEY names.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.detectors.signature import read_private_key
from model.errors import SettingsError
from service.answers.verdict import Decision, ModelReference, Verdict

ALGORITHM: Final = "Ed25519"
"""The name of the algorithm in JOSE (RFC 9864)."""
_FORMER_NAME: Final = "EdDSA"
"""The algorithm's name before RFC 9864, which is in receipts of earlier releases."""
TYPE: Final = "truegrain-receipt+jws"
"""The `typ` of a receipt; what the key signed under another `typ` is no receipt. Earlier releases wrote no `typ`."""
_MALFORMED: Final = (JoseError, ValueError, TypeError)
"""What joserfc raises for a receipt that it cannot read; TypeError if a header is no object (joserfc 1.8.0)."""


class NotSigned(Exception):
    """A receipt is no compact JWS, or was not signed with this service's key; the message says which."""


class _Algorithms(jws.JWSRegistry):
    """Ed25519 under both of its names; joserfc itself warns at every use of the former name."""

    def get_alg(self, name: str) -> Any:
        return super().get_alg(ALGORITHM if name == _FORMER_NAME else name)


class Attested(BaseModel):
    """What a receipt states and its signature covers."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(
        description="SHA-256 of the verdict's id: it proves which verdict is meant, but cannot be used for feedback"
    )
    label: Literal["real", "ai"] = Field(description="The likelier class")
    decision: Decision = Field(description="What the verdict said to act on")
    probability: float = Field(description="Calibrated probability that the image is AI-generated")
    threshold: float = Field(description="The label was 'ai' at this probability or above")
    operating_point: str | None = Field(description="The false-positive rate that was asked for; null: none")
    stability: float | None = Field(
        description="Share of the image's four copies that had its label; null: not examined"
    )
    model: ModelReference
    image_sha256: str = Field(description="SHA-256 of the file that was judged")
    request_id: str = Field(description="The service's own id of the request, in its log; never an id of the caller")
    issued_at: datetime = Field(description="When the receipt was signed")

    @classmethod
    def of(cls, verdict: Verdict, *, issued_at: datetime, request_id: str) -> Self:
        """Return what a receipt states about `verdict`; `request_id` is the service's own id of the request."""
        shared = cls.model_fields.keys() & Verdict.model_fields.keys()
        facts = {name: getattr(verdict, name) for name in shared} | {"request_id": request_id}
        facts["id"] = hashlib.sha256(verdict.id.encode()).hexdigest()  # hashed, since receipts are shown to others
        return cls(**facts, image_sha256=verdict.image.sha256, issued_at=issued_at)


@dataclass(frozen=True)
class Notary:
    """Signs verdicts with `key`, and checks receipts that `key` signed."""

    key: Ed25519PrivateKey

    @classmethod
    def load(cls, path: Path) -> Self:
        """Take the key from a PEM file; raises SettingsError when there is no Ed25519 key in it."""
        try:
            return cls(read_private_key(path))
        except SettingsError as error:
            make = "`python -m service.answers.receipts new-key <path>` makes one"
            raise SettingsError(f"TRUEGRAIN_RECEIPT_KEY={path} is not allowed: {error}; {make}") from error

    @property
    def public_jwk(self) -> dict[str, Any]:
        """The key that checks the receipts, as a JSON Web Key (RFC 8037)."""
        jwk = OKPKey.import_key(self.key.public_key())
        return jwk.as_dict(kid=jwk.thumbprint(), use="sig", alg=ALGORITHM)

    def sign(self, verdict: Verdict, *, at: datetime, request_id: str) -> Verdict:
        """Return the verdict with its receipt, a compact JWS (RFC 7515) over an Attested; its header names the key.

        `request_id` is the service's own id of the request.
        """
        statement = Attested.of(verdict, issued_at=at, request_id=request_id).model_dump_json()
        key = OKPKey.import_key(self.key)
        header = {"typ": TYPE, "alg": ALGORITHM, "kid": key.thumbprint()}
        receipt = jws.serialize_compact(header, statement, key, algorithms=[ALGORITHM])
        return verdict.model_copy(update={"receipt": receipt})

    def read(self, receipt: str) -> Attested:
        """Return what a receipt says; raises NotSigned unless it was signed with this key and is unaltered."""
        try:
            return Attested.model_validate_json(self._verify(receipt))
        except ValidationError as error:
            raise NotSigned("the key did sign it, but not as a receipt of this release") from error

    def _verify(self, receipt: str) -> bytes:
        key = OKPKey.import_key(self.key.public_key())
        algorithms = _Algorithms(algorithms=[ALGORITHM])
        try:
            token = jws.extract_compact(receipt.encode(), registry=algorithms)
        except _MALFORMED as error:
            raise NotSigned("it is not of the form <header>.<payload>.<signature>, each in base64url") from error
        _check_header(token.headers(), key.thumbprint())
        try:
            unaltered = jws.validate_compact(token, key, registry=algorithms)
        except _MALFORMED:
            unaltered = False
        if not unaltered:
            raise NotSigned("it was altered after it had been signed")
        return token.payload


def _check_header(header: object, key_id: str) -> None:
    if not isinstance(header, dict) or header.get("alg") not in (ALGORITHM, _FORMER_NAME):
        raise NotSigned(f"its header does not say that it was signed with Ed25519 (alg {ALGORITHM} or {_FORMER_NAME})")
    if (kind := header.get("typ", TYPE)) != TYPE:
        raise NotSigned(f"its header says that it is a {_quote(kind)}, and not a receipt (typ {TYPE})")
    if (name := header.get("kid")) != key_id:
        raise NotSigned(f"it was signed with the key {_quote(name)}, and the one in use here is {key_id}")


def _quote(value: object) -> str:
    """Return the first 64 characters of a header's value; surrogates, which UTF-8 cannot encode, are escaped."""
    return str(value)[:64].encode(errors="backslashreplace").decode()


def make_key(path: Path) -> Notary:
    """Write a new key into a file that only its owner can read; raises FileExistsError if there is a file already."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return Notary(key)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a key and print its public part, for clients that check receipts themselves."""
    parser = argparse.ArgumentParser(prog="python -m service.answers.receipts", description=__doc__)
    command = parser.add_subparsers(required=True).add_parser("new-key", help="make a key and print its public part")
    command.add_argument("path", type=Path)
    path = parser.parse_args(arguments).path
    try:
        notary = make_key(path)
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}; name a new file in a folder that exists")
    print(json.dumps(notary.public_jwk, indent=2))


if __name__ == "__main__":
    main()
