"""Signs artifacts, and verifies that the owner of a key released them.

If a service requires signatures, write access to the registry is not enough to change what is served. Ed25519 (RFC
8032) signs these lines, so that openssl can check the signature too:

1. The lines that `sha256sum model.onnx card.json golden.npz` prints. The card holds the hash of reference.npz.
2. A line each for the registered model, the version and the issue.

The issue is the time of signing, in seconds since 1970, so that a later signature has a higher issue. The signature
stands in the tag TAG of the version, as `<issue>:<signature in base64>`.
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

    `issue` is the current time unless given. Raises ArtifactError if a file is missing or too large.
    """
    issue = int(time.time()) if issue is None else issue
    signed = key.sign(_statement(folder, name=name, version=version, issue=issue))
    return f"{issue}:{base64.b64encode(signed).decode()}"


def verify(folder: Path, signature: str, key: PublicKey, *, name: str, version: str) -> int:
    """Return the issue of `signature`; the files in `folder` are hashed, but not parsed.

    Raises ArtifactError unless the owner of `key` signed these files as that version of `name`.
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
            f"its signature does not match this artifact, as version {version} of '{name}', and the required key"
        ) from error
    return issue


def check_issue(issue: int, *, least: int) -> None:
    """Raise ArtifactError if `issue` is lower than `least`, the issue of the signature that was accepted last."""
    if issue < least:
        raise ArtifactError(
            f"its signature was issued at {_in_words(issue)}, before the signature of the version in service,"
            f" {_in_words(least)}: to go back to it, sign it again, {_HOW}"
        )


def find_public_key(path: str) -> PublicKey | None:
    """Read the key at `path`, the value of a setting; None if it is empty. Raises what `read_public_key` raises."""
    return read_public_key(Path(path)) if path else None


def read_public_key(path: Path) -> PublicKey:
    """Read the PEM file of an Ed25519 public key; raises SettingsError for any other file."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"'{path}' is no PEM file of a public key: {error}") from error
    if not isinstance(key, PublicKey):
        raise SettingsError(f"'{path}' holds another kind of key than Ed25519")
    return key


def read_private_key(path: Path) -> PrivateKey:
    """Read the unencrypted PEM file of an Ed25519 private key; raises SettingsError for any other file."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"'{path}' is no PEM file of a private key without a password: {error}") from error
    if not isinstance(key, PrivateKey):
        raise SettingsError(f"'{path}' holds another kind of key than Ed25519")
    return key


def _statement(folder: Path, *, name: str, version: str, issue: int) -> bytes:
    return f"{artifact.sum_files(folder)}model {name}\nversion {version}\nissue {issue}\n".encode()


def _in_words(issue: int) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(issue))} UTC (issue {issue})"
