from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from model.detectors import artifact
from model.detectors.signature import TAG, PrivateKey, verify
from model.registry import FULL, ModelVersion, Registry
from model.registry.__main__ import main
from model.registry.promotion import promote

Add = Callable[..., ModelVersion]


@pytest.fixture(autouse=True)
def environment(
    models: Registry, mlflow_server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("TRUEGRAIN_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("TRUEGRAIN_MODEL_NAME", request.node.name)
    monkeypatch.setenv("TRUEGRAIN_LOCK", str(models.lock))
    yield
    structlog.reset_defaults()


def test_every_command_prints_the_history(add: Add, capsys: pytest.CaptureFixture[str]) -> None:
    add(), add("failed")
    assert main(["promote", "1", "--reason", "the first"]) == 0
    assert main(["promote", "2", "--override", "--reason", "nothing else"]) == 0
    assert main(["rollback", "--reason", "worse"]) == 0
    capsys.readouterr()
    assert main(["history"]) == main(["repair"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == lines[3:]
    assert [line.split()[2:6] for line in lines[:3]] == [
        ["promotion", "-", "->", "1"],
        ["override", "1", "->", "2"],
        ["rollback", "2", "->", "1"],
    ]
    assert [line.rpartition(": ")[2] for line in lines[:3]] == ["the first", "nothing else", "worse"]


def test_what_a_stranger_wrote_into_the_history_is_one_printable_line(
    add: Add, models: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    version = add().version
    promote(
        models, version, reason="worse\n   2  2026-01-01  promotion  1 -> 9\x1b[2K\u202e", by="ada\x1b]0;title\x07\r"
    )
    assert main(["history"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert line.endswith("- -> 1        ada ]0;title: worse 2 2026-01-01 promotion 1 -> 9 [2K")


def test_what_a_stranger_wrote_into_a_tag_is_one_printable_line_of_an_error(
    add: Add, capsys: pytest.CaptureFixture[str]
) -> None:
    add("\x1b[2J\x1b[32mpassed\nversion 1 is in production")
    assert main(["promote", "1", "--reason", "better"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_a_version_may_be_named_by_its_alias(add: Add, models: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    for version in (add(), add()):
        promote(models, version.version, reason="better")
    assert main(["rollback", "--to", "previous", "--reason", "worse"]) == 0
    assert main(["promote", "previous", "--reason", "nothing was wrong"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[2:6] == ["promotion", "1", "->", "2"]


def test_what_a_repair_notices_goes_to_stderr_and_the_history_alone_to_stdout(
    add: Add, models: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    models.set_alias("production", add().version)
    assert main(["repair"]) == 0
    printed = capsys.readouterr()
    assert [line.split()[2:7] for line in printed.out.splitlines()] == [["by", "hand", "-", "->", "1"]]
    assert "production was moved by hand" in printed.err


def test_a_refusal_is_a_sentence_and_an_exit_status(add: Add, capsys: pytest.CaptureFixture[str]) -> None:
    add("failed")
    assert main(["promote", "1", "--reason", "I like it"]) == 1
    assert "the gate says 'failed'" in capsys.readouterr().err


def test_a_version_is_signed_with_the_key_of_a_file(
    release: Callable[[float], ModelVersion], models: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version, key = release(0.0), PrivateKey.generate()
    sha256 = artifact.digest(tmp_path / "tiny+0")
    assert main(["sign", version.version, "--key", str(write(key, tmp_path)), "--sha256", sha256.upper()]) == 0
    signed = models.resolve(version.version)
    assert signed is not None
    folder = models.download(version.version, tmp_path / "artifact")
    ours = {"name": models.model_name, "version": version.version}
    issue = verify(folder, signed.tags[TAG], key.public_key(), **ours)
    assert f"signed version 1 of '{models.model_name}', {sha256}, issue {issue}\n" in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["--sha256", "0" * 64]])
def test_what_training_has_not_logged_is_neither_looked_into_nor_signed(
    models: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    with models.run("train", params={}) as run:
        for name in artifact.FILES:
            (tmp_path / name).write_bytes(b"by somebody else")
            models.client.log_artifact(run.id, str(tmp_path / name), FULL)
    version = models.register(run.id, tags={})
    key = write(PrivateKey.generate(), tmp_path)
    assert main(["sign", version.version, "--key", str(key), *given]) == 1
    told = capsys.readouterr().err
    assert f"nothing was signed: version 1 in the registry has the hash {artifact.digest(tmp_path)}" in told
    assert (f", not {'0' * 64}. Anyone" in told) == bool(given)
    unsigned = models.resolve("1")
    assert unsigned is not None
    assert TAG not in unsigned.tags


def write(key: PrivateKey, folder: Path) -> Path:
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_what_is_no_key_signs_nothing(
    add: Add, models: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = add()
    assert main(["sign", version.version, "--key", str(tmp_path / "missing.pem")]) == 1
    assert "missing.pem" in capsys.readouterr().err
    unsigned = models.resolve(version.version)
    assert unsigned is not None
    assert TAG not in unsigned.tags


def test_a_registry_that_does_not_answer_is_no_reason_to_repeat_a_change_unseen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRUEGRAIN_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["rollback", "--reason", "worse"]) == 1
    assert "The change may have been made: look at `python -m model.registry history` first." in capsys.readouterr().err
