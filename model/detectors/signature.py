"""Signature: that an artifact is the one which the owner of a key released, whoever may write to the registry.

Signed are the lines that `sha256sum model.onnx card.json golden.npz` prints, then a line each for the registered model,
the version and the issue, with Ed25519 (RFC 8032), so that openssl can check the signature too. The card holds the hash
of reference.npz. The issue is the time of signing, in seconds since 1970, so that a later signature has a higher one.
The signature stands in the tag TAG of the version, as `<issue>:<signature in base64>`.
"""

import base64
import binascii
import re
import time
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

_FORM: Final = re.compile(r"([0-9]{1,12}):([A-Za-z0-9+/=]{1,200})")
_EARLIER_FORM: Final = re.compile(r"[A-Za-z0-9+/]{86}==")
_HOW: Final = "`python -m model.registry sign <version> --key <private key> --sha256 <hash that training logged>`"


def sign(folder: Path, key: PrivateKey, *, name: str, version: str, issue: int | None = None) -> str:
    """Return the signature of the artifact in `folder` as that version of the registered model `name`.

    Its `issue` is the time now unless given. Raises ArtifactError when a file is missing or too large.
    """
    issue = int(time.time()) if issue is None else issue
    signed = key.sign(_statement(folder, name=name, version=version, issue=issue))
    return f"{issue}:{base64.b64encode(signed).decode()}"


def verify(folder: Path, signature: str, key: PublicKey, *, name: str, version: str) -> int:
    """Return the issue of `signature`; reads no format of the files in `folder`, only hashes them.

    Raises ArtifactError unless `signature` is by the owner of `key`, of these files as that version of `name`.
    """
    if not signature:
        raise ArtifactError(f"it is not signed: {_HOW}")
    if _EARLIER_FORM.fullmatch(signature):
        raise ArtifactError(
            f"its signature is of an earlier release, which named neither model nor version: sign it again, {_HOW}"
        )
    found = _FORM.fullmatch(signature)
    issue = int(found[1]) if found else 0
    try:
        signed = base64.b64decode(found[2] if found else "", validate=True)
        key.verify(signed, _statement(folder, name=name, version=version, issue=issue))
    except (InvalidSignature, binascii.Error) as error:
        raise ArtifactError(
            f"its signature is not that of this artifact by the required key, as version {version} of '{name}'"
        ) from error
    return issue


def check_issue(issue: int, *, least: int) -> None:
    """Raise ArtifactError for a signature of a lower issue than `least`, that of the one which was taken last."""
    if issue < least:
        raise ArtifactError(
            f"its signature was issued at {_in_words(issue)}, before that of the version in service,"
            f" {_in_words(least)}: to go back to it, sign it again, {_HOW}"
        )


def find_public_key(path: str) -> PublicKey | None:
    """Read the key that a setting names; None where it names none. Raises SettingsError as `read_public_key` does."""
    return read_public_key(Path(path)) if path else None


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


def _statement(folder: Path, *, name: str, version: str, issue: int) -> bytes:
    return f"{artifact.sum_files(folder)}model {name}\nversion {version}\nissue {issue}\n".encode()


def _in_words(issue: int) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(issue))} UTC (issue {issue})"
