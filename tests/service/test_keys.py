"""The command `python -m service.keys`, and the keyring of a running service."""

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import model.files
from model.errors import SettingsError
from service.keys import main
from service.protection.api_keys import PREFIX, Key, KeyFile, Keyring, hash_of

Command = Callable[..., str]


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys" / "api-keys.json"
    monkeypatch.setenv("TRUEGRAIN_API_KEYS", str(path))
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("add", "shop", "--role", "predict")` returns what the command prints."""

    def run(*arguments: str) -> str:
        assert main(arguments) == 0
        return capsys.readouterr().out

    return run


def test_a_key_is_printed_once_and_only_its_hash_is_kept(command: Command, path: Path) -> None:
    secret = command("add", "shop", "--role", "predict", "--limit", "600/minute").splitlines()[0]
    assert secret.startswith(PREFIX)
    assert secret not in path.read_text()
    assert hash_of(secret) in path.read_text()
    assert secret not in command("list")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_can_be_read_by_its_owner_alone_from_its_first_byte_on(
    command: Command, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("add", "shop", "--role", "predict")
    path.chmod(0o644)
    modes: list[int] = []
    move = model.files.move

    def look(source: Path, target: Path) -> None:
        modes.append(stat.S_IMODE(source.stat().st_mode))
        move(source, target)

    monkeypatch.setattr("model.files.move", look)
    before = os.umask(0)
    try:
        command("add", "lab", "--role", "predict")
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_the_list_says_who_may_do_what_how_often_and_until_when(command: Command) -> None:
    command("add", "shop", "--role", "predict", "--role", "feedback", "--limit", "9/second", "--expires", "2031-02-03")
    command("add", "desk", "--role", "admin")
    assert [line.split() for line in command("list").splitlines()] == [
        ["shop", "predict+feedback", "9/second", "2031-02-03T00:00+00:00"],
        ["desk", "admin", "-", "never"],
    ]


def test_both_secrets_of_a_key_that_is_rotated_are_valid_until_the_old_one_is_revoked(
    command: Command, path: Path
) -> None:
    first = command("add", "shop", "--role", "predict").splitlines()[0]
    second = command("rotate", "shop").splitlines()[0]
    keyring = Keyring(path)
    assert keyring.find(first) == keyring.find(second) is not None
    assert "2 secrets" in command("list")
    command("revoke", "shop", "--old")
    assert keyring.find(first) is None
    assert keyring.find(second) is not None


def test_a_second_rotation_ends_the_first_secret(command: Command, path: Path) -> None:
    secrets = [command("add", "shop", "--role", "predict").splitlines()[0]]
    secrets += [command("rotate", "shop").splitlines()[0] for _ in range(2)]
    assert [Keyring(path).find(secret) is not None for secret in secrets] == [False, True, True]


def test_a_running_service_notices_new_and_revoked_keys(command: Command, path: Path) -> None:
    keyring = Keyring(path)
    secret = command("add", "shop", "--role", "predict").splitlines()[0]
    assert keyring.find(secret) is not None
    command("revoke", "shop")
    assert keyring.find(secret) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "shop", "--role", "predict"], "key 'shop' already"),
        (["add", "two words", "--role", "predict"], "name='two words'"),
        (["add", "anonymous", "--role", "predict"], "is the name of callers without a key; choose another name"),
        (["add", "lab", "--role", "predict", "--limit", "often"], "limit='often'"),
        (["rotate", "nobody"], "no key 'nobody'; there are: shop"),
        (["revoke", "nobody"], "no key 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    command: Command, path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    command("add", "shop", "--role", "predict")
    before = path.read_bytes()
    assert main(arguments) == 1
    assert words in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "shop", "--role", "predict", "--expires", "soon"], "'soon' is no date such as"),
        (["add", "shop", "--role", "owner"], "invalid choice: 'owner'"),
        (["add", "shop"], "--role"),
    ],
)
def test_a_command_that_is_not_understood_is_explained(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert words in capsys.readouterr().err
    assert not path.exists()


def test_a_moment_is_shown_in_utc_wherever_it_was_meant(command: Command) -> None:
    command("add", "shop", "--role", "predict", "--expires", "2031-02-03T01:30+02:00")
    assert "2031-02-02T23:30+00:00" in command("list")


def test_without_a_file_there_are_no_keys(path: Path) -> None:
    assert Keyring(path).find("anything") is None


@pytest.mark.parametrize("content", ["", "{", '{"keys": [{"name": "shop"}]}', '{"keys": [], "salt": "x"}'])
def test_a_broken_file_keeps_a_service_from_starting_but_not_from_going_on(
    command: Command, path: Path, content: str
) -> None:
    secret = command("add", "shop", "--role", "predict").splitlines()[0]
    keyring = Keyring(path)
    os.utime(path, ns=(1, 1))
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"api-keys\.json is no file of API keys"):
        Keyring(path)
    assert keyring.find(secret) is not None


def test_the_file_is_plain_json(command: Command, path: Path) -> None:
    command("add", "shop", "--role", "predict")
    [key] = json.loads(path.read_text())["keys"]
    assert {key["name"], *key["roles"]} == {"shop", "predict"}
    assert KeyFile.read(path).named("shop") == Key.model_validate(key)


def test_a_key_expires_at_its_moment() -> None:
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    key = Key(name="shop", roles=("predict",), hashes=(hash_of("x"),), expires=moment)
    assert not key.expired(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert key.expired(moment)


def test_a_file_with_a_key_named_like_those_without_one_is_refused_in_words(path: Path) -> None:
    """Otherwise reports and verdicts of such a key would be taken for those of callers without a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"keys": [{"name": "anonymous", "roles": ["predict"], "hashes": [hash_of("x")]}]}))
    with pytest.raises(SettingsError, match="'anonymous' is the name of callers without a key"):
        Keyring(path)
