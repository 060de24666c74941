"""POST /receipts/verify checks a receipt; GET /receipts/key returns the key with which anyone can check receipts."""

from datetime import UTC, datetime
from typing import Final, Literal

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel, Field, ValidationError

from service.answers.problems import BODY, Refusal, answers
from service.answers.receipts import Attested, NotSigned
from service.answers.verdict import EXAMPLE_VERDICT
from service.context import context

blueprint = APIBlueprint("receipts", __name__)

LONGEST_RECEIPT: Final = 8192
"""Most characters of a receipt; the service's receipts have about a thousand."""


class Presented(BaseModel):
    """A receipt to be checked."""

    receipt: str = Field(max_length=LONGEST_RECEIPT, description="The `receipt` of a verdict, unchanged")


class Checked(BaseModel):
    """A receipt that this service signed and nobody altered."""

    valid: Literal[True] = True
    statement: Attested


class PublicKey(BaseModel):
    """A JSON Web Key (RFC 8037)."""

    kty: Literal["OKP"] = Field(description="Kind of key")
    crv: Literal["Ed25519"] = Field(description="Curve")
    x: str = Field(description="The public key, in base64url")
    kid: str = Field(description="Thumbprint of the key (RFC 7638), which the header of a receipt names")
    use: Literal["sig"] = Field(description="Use of the key: signatures")
    alg: Literal["Ed25519"] = Field(description="The algorithm of the signatures (RFC 9864)")


PRESENTED: Final = Presented(receipt="eyJhbGciOiJFZDI1NTE5Iiwi….eyJpZCI6IjBmOGMxYzVk….QeUw0mSO5xGZ2b5r…")
_CHECKED: Final = Checked(
    statement=Attested.of(
        EXAMPLE_VERDICT, issued_at=datetime(2026, 11, 23, 9, 41, 7, tzinfo=UTC), request_id=EXAMPLE_VERDICT.request_id
    )
)
_KEY: Final = PublicKey(
    kty="OKP",
    crv="Ed25519",
    x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    kid="kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    use="sig",
    alg="Ed25519",
)
"""Answers as the documentation shows them; the key is the example of RFC 8037."""


@blueprint.post("/receipts/verify")
@blueprint.doc(responses=answers(*BODY, "bad_request", "receipts_off", "receipt_not_valid"))
@blueprint.output(Checked, description="The receipt is valid", example=_CHECKED.model_dump(mode="json"))
def verify_receipt() -> Checked:
    """Check a receipt.

    Send the receipt as JSON. The answer says what was signed. A receipt that this service did not sign, or that was
    altered, is a problem.
    """
    notary = context().require_notary()
    try:
        return Checked(statement=notary.read(_read_presented().receipt))
    except NotSigned as error:
        raise Refusal("receipt_not_valid", f"this is no receipt of this service: {error}") from error


@blueprint.get("/receipts/key")
@blueprint.doc(responses=answers("receipts_off"))
@blueprint.output(PublicKey, description="The public key", example=_KEY.model_dump(mode="json"))
def receipt_key() -> PublicKey:
    """Return the public key that checks receipts.

    A receipt is a JWS (RFC 7515). A library for JOSE that knows the algorithm Ed25519 (RFC 9864) checks it with this
    key and without this service.
    """
    return PublicKey(**context().require_notary().public_jwk)


def _read_presented() -> Presented:
    try:
        return Presented.model_validate_json(request.get_data(cache=False))
    except ValidationError as error:
        raise Refusal("bad_request", 'send JSON of the form {"receipt": "…"}, with the receipt of a verdict') from error
