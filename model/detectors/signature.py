"""Signature: that an artifact is the one which the owner of a key released, whoever may write to the registry.

Signed are the lines that `sha256sum model.onnx card.json golden.npz` prints, with Ed25519 (RFC 8032), so that openssl
can check it too; the card names the hash of reference.npz. The signature stands in the tag TAG of the version, in
base64.
"""

import base64
import binascii
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from model.detectors import artifact
from model.errors import ArtifactError, SettingsError

TAG: Final = "signature"

PublicKey = Ed25519PublicKey
PrivateKey = Ed25519PrivateKey


def sign(folder: Path, key: PrivateKey) -> str:
    """Return the signature of the artifact in `folder`, in base64; raises ArtifactError when that is incomplete."""
    artifact.read(folder)
    return base64.b64encode(key.sign(_statement(folder))).decode()


def verify(folder: Path, signature: str, key: PublicKey) -> None:
    """Raise ArtifactError unless `signature` is that of the artifact in `folder` by the owner of `key`."""
    if not signature:
        raise ArtifactError("it is not signed: `python -m model.registry sign <version> --key <private key>`")
    try:
        key.verify(base64.b64decode(signature, validate=True), _statement(folder))
    except (InvalidSignature, binascii.Error) as error:
        raise ArtifactError("its signature is not that of this artifact by the required key") from error


def read_public_key(path: Path) -> PublicKey:
    """Read the PEM file of an Ed25519 public key; raises SettingsError when it is none."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"'{path}' is no PEM file of a public key: {error}") from error
    if not isinstance(key, PublicKey):
        raise SettingsError(f"'{path}' holds another kind of key than Ed25519")
    return key


def read_private_key(path: Path) -> PrivateKey:
    """Read the unencrypted PEM file of an Ed25519 private key; raises SettingsError when it is none."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"'{path}' holds no private key without a password, as PEM: {error}") from error
    if not isinstance(key, PrivateKey):
        raise SettingsError(f"'{path}' holds another kind of key than Ed25519")
    return key


def _statement(folder: Path) -> bytes:
    lines = (f"{artifact.sha256((folder / name).read_bytes())}  {name}\n" for name in artifact.FILES)
    return "".join(lines).encode()
