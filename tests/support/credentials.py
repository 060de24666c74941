"""Images with Content Credentials, signed by an authority made for one test run."""

import io
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def sign(
    image: bytes,
    *actions: dict[str, str],
    kind: str = "JPEG",
    edits: bool = False,
    url: str = "",
    assertions: int = 0,
    packed: bool = False,
    placed: bytes = b"",
) -> bytes:
    """Put credentials with these actions into an image of the format `kind`.

    With `edits` the picture is derived from `image`, which has its own credentials. With a `url` the file only names
    the address of its credentials. The manifest has so many further `assertions`. `packed` compresses its boxes.
    `placed` is a JPEG that was placed in the picture.
    """
    definition: dict[str, Any] = {"claim_generator_info": [{"name": "Dream Machine", "version": "3"}]}
    definition["assertions"] = [{"label": f"org.test.a{number}", "data": {"a": 1}} for number in range(assertions)]
    settings = c2pa.Context.from_dict({"core": {"prefer_compress_manifests": packed}})
    signed = io.BytesIO()
    with c2pa.Builder(definition, settings) as builder:
        if edits:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        for action in actions:
            builder.add_action(action)
        if placed:
            builder.add_ingredient({"relationship": "componentOf"}, "image/jpeg", io.BytesIO(placed))
        if url:
            builder.set_no_embed()
            builder.set_remote_url(url)
        builder.sign(_signer(), f"image/{kind.lower()}", io.BytesIO(image), signed)
    return signed.getvalue()


def trust_list() -> str:
    """The certificate of the authority that vouches for the signer, as PEM."""
    return _chain()[0][1].public_bytes(Encoding.PEM).decode()


@cache
def _chain() -> tuple[list[x509.Certificate], Ed25519PrivateKey]:
    """A chain of certificates as the C2PA specification asks for (2.1, section 14.5), and the signer's key."""
    authority, signer = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    chain = [_certify("Test Signer", signer, authority, is_authority=False)]
    chain += [_certify("Test Authority", authority, authority, is_authority=True)]
    return chain, signer


@cache
def _signer() -> Any:
    chain, signer = _chain()
    pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    key = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"ed25519", pem, key, None))


def _certify(name: str, key: Ed25519PrivateKey, issuer: Ed25519PrivateKey, *, is_authority: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage |= {"digital_signature": not is_authority, "key_cert_sign": is_authority, "crl_sign": is_authority}
    builder = (
        x509.CertificateBuilder(serial_number=x509.random_serial_number())
        .subject_name(_organisation(name))
        .issuer_name(_organisation("Test Authority"))
        .public_key(key.public_key())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
    return builder.sign(issuer, None)


def _organisation(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, name) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)])
