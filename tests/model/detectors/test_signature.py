"""Who may release a detector."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from model.detectors import artifact
from model.detectors.signature import PrivateKey, read_private_key, read_public_key, sign, verify
from model.errors import ArtifactError, SettingsError


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture
def keys(tmp_path: Path, key: PrivateKey) -> tuple[Path, Path]:
    """The PEM files of the private and the public key."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.mark.parametrize("file", artifact.FILES)
def test_a_signature_holds_until_any_file_changes(
    key: PrivateKey, tiny_artifact: Callable[..., Path], file: str
) -> None:
    folder = tiny_artifact()
    signature = sign(folder, key)
    verify(folder, signature, key.public_key())
    with (folder / file).open("ab") as changed:
        changed.write(b"\n")
    with pytest.raises(ArtifactError, match="not that of this artifact"):
        verify(folder, signature, key.public_key())


@pytest.mark.parametrize("signature", ["", "no base64!", base64.b64encode(bytes(64)).decode()])
def test_no_signature_and_nonsense_are_refused(
    key: PrivateKey, tiny_artifact: Callable[..., Path], signature: str
) -> None:
    with pytest.raises(ArtifactError, match="sign"):
        verify(tiny_artifact(), signature, key.public_key())


def test_openssl_agrees_on_what_is_signed(
    keys: tuple[Path, Path], key: PrivateKey, tiny_artifact: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tiny_artifact()
    (tmp_path / "signature").write_bytes(base64.b64decode(sign(folder, key)))
    sums = subprocess.run(["sha256sum", *artifact.FILES], cwd=folder, capture_output=True, check=True).stdout
    (tmp_path / "sums").write_bytes(sums)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(keys[1]), "-rawin"]
    command += ["-in", str(tmp_path / "sums"), "-sigfile", str(tmp_path / "signature")]
    assert b"Verified Successfully" in subprocess.run(command, capture_output=True, check=True).stdout


def test_keys_are_read_from_pem_files(keys: tuple[Path, Path], tiny_artifact: Callable[..., Path]) -> None:
    folder = tiny_artifact()
    verify(folder, sign(folder, read_private_key(keys[0])), read_public_key(keys[1]))


def test_what_is_no_key_of_the_kind_is_named(keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    with pytest.raises(SettingsError, match=r"private\.pem' is no PEM file of a public key"):
        read_public_key(private)
    with pytest.raises(SettingsError, match=r"public\.pem' holds no private key"):
        read_private_key(public)
    with pytest.raises(SettingsError, match=r"missing\.pem"):
        read_public_key(tmp_path / "missing.pem")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SettingsError, match="another kind of key than Ed25519"):
        read_private_key(private)
