"""Only a detector with a valid signature is accepted where one is required."""

import base64
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from model.detectors import artifact
from model.detectors.signature import PrivateKey, check_issue, read_private_key, read_public_key, sign, verify
from model.errors import ArtifactError, SettingsError

OURS = {"name": "ai-image-detector", "version": "9"}


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
    signature = sign(folder, key, **OURS)
    verify(folder, signature, key.public_key(), **OURS)
    with (folder / file).open("ab") as changed:
        changed.write(b"\n")
    with pytest.raises(ArtifactError, match="does not match this artifact"):
        verify(folder, signature, key.public_key(), **OURS)


@pytest.mark.parametrize("another", [{"name": "another-model"}, {"version": "8"}])
def test_a_signature_is_that_of_one_version_of_one_model(
    key: PrivateKey, tiny_artifact: Callable[..., Path], another: dict[str, str]
) -> None:
    folder = tiny_artifact()
    with pytest.raises(ArtifactError, match="does not match this artifact, as version 9 of 'ai-im"):
        verify(folder, sign(folder, key, **OURS | another), key.public_key(), **OURS)


def test_a_later_signature_has_a_higher_issue_and_no_issue_can_be_changed(
    key: PrivateKey, tiny_artifact: Callable[..., Path]
) -> None:
    folder = tiny_artifact()
    signature = sign(folder, key, **OURS, issue=1_790_000_000)
    assert verify(folder, signature, key.public_key(), **OURS) == 1_790_000_000
    assert abs(verify(folder, sign(folder, key, **OURS), key.public_key(), **OURS) - time.time()) < 60
    with pytest.raises(ArtifactError, match="does not match this artifact"):
        verify(folder, signature.replace("1790000000", "1790000001"), key.public_key(), **OURS)


def test_an_issue_before_the_last_one_is_refused_with_the_way_back() -> None:
    check_issue(1_790_000_000, least=1_790_000_000)
    with pytest.raises(ArtifactError, match=r"at 2026-09-21 .* \(issue 1789999999\), before .* sign it again"):
        check_issue(1_789_999_999, least=1_790_000_000)


def test_a_signature_of_an_earlier_release_says_to_sign_again(
    key: PrivateKey, tiny_artifact: Callable[..., Path]
) -> None:
    folder = tiny_artifact()
    earlier = base64.b64encode(key.sign(artifact.sum_files(folder).encode())).decode()
    with pytest.raises(ArtifactError, match="of an earlier release, which named neither model nor version: sign it ag"):
        verify(folder, earlier, key.public_key(), **OURS)


def test_no_file_is_understood_before_its_signature_is_verified(key: PrivateKey, tmp_path: Path) -> None:
    for name in artifact.FILES:
        (tmp_path / name).write_bytes(b"no model, no card, no arrays")
    verify(tmp_path, sign(tmp_path, key, **OURS), key.public_key(), **OURS)


@pytest.mark.parametrize("signature", ["", "no base64!", "7:", "7:abc", f"7:{base64.b64encode(bytes(64)).decode()}"])
def test_no_signature_and_nonsense_are_refused(
    key: PrivateKey, tiny_artifact: Callable[..., Path], signature: str
) -> None:
    with pytest.raises(ArtifactError, match="sign"):
        verify(tiny_artifact(), signature, key.public_key(), **OURS)


def test_openssl_agrees_on_what_is_signed(
    keys: tuple[Path, Path], key: PrivateKey, tiny_artifact: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tiny_artifact()
    issue, _, signature = sign(folder, key, **OURS).partition(":")
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    sums = subprocess.run(["sha256sum", *artifact.FILES], cwd=folder, capture_output=True, check=True).stdout
    named = f"model {OURS['name']}\nversion {OURS['version']}\nissue {issue}\n"
    (tmp_path / "sums").write_bytes(sums + named.encode())
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(keys[1]), "-rawin"]
    command += ["-in", str(tmp_path / "sums"), "-sigfile", str(tmp_path / "signature")]
    assert b"Verified Successfully" in subprocess.run(command, capture_output=True, check=True).stdout


def test_keys_are_read_from_pem_files(keys: tuple[Path, Path], tiny_artifact: Callable[..., Path]) -> None:
    folder = tiny_artifact()
    verify(folder, sign(folder, read_private_key(keys[0]), **OURS), read_public_key(keys[1]), **OURS)


def test_what_is_no_key_of_the_kind_is_named(keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    with pytest.raises(SettingsError, match=r"private\.pem' is no PEM file of a public key"):
        read_public_key(private)
    with pytest.raises(SettingsError, match=r"public\.pem' is no PEM file of a private key"):
        read_private_key(public)
    with pytest.raises(SettingsError, match=r"missing\.pem"):
        read_public_key(tmp_path / "missing.pem")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SettingsError, match="another kind of key than Ed25519"):
        read_private_key(private)
