"""`python -m service.keys` lists, adds, rotates and revokes API keys; a running service notices at the next request."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from pydantic import ValidationError
from upath import UPath

from model.errors import SettingsError, TruegrainError
from model.files import write_text
from model.settings import Settings
from service.protection.api_keys import HASHES, Key, KeyFile, Role, hash_of, make_secret


def add(known: KeyFile, key: Key) -> KeyFile:
    """Return `known` with `key`; raises SettingsError when the name of `key` is taken."""
    if known.named(key.name):
        raise SettingsError(f"there is a key '{key.name}' already: rotate it, revoke it, or choose another name")
    return KeyFile(keys=(*known.keys, key))


def rotate(known: KeyFile, name: str, digest: str) -> KeyFile:
    """Return `known` with `digest` as the newest hash of the key `name`; the hash before it stays valid.

    Raises SettingsError when there is no such key.
    """
    key = _named(known, name)
    return _replace(known, key.model_copy(update={"hashes": (digest, *key.hashes)[:HASHES]}))


def revoke(known: KeyFile, name: str, *, old: bool = False) -> KeyFile:
    """Return `known` without the key `name`; with `old` the key stays, with its newest hash alone.

    Raises SettingsError when there is no such key.
    """
    key = _named(known, name)
    if old:
        return _replace(known, key.model_copy(update={"hashes": key.hashes[:1]}))
    return KeyFile(keys=tuple(other for other in known.keys if other != key))


def write(known: KeyFile, path: Path) -> None:
    """Write the file of keys, readable by its owner alone; a running service reads it at the next request."""
    write_text(UPath(path), known.model_dump_json(indent=2), private=True)


def _named(known: KeyFile, name: str) -> Key:
    key = known.named(name)
    if key is None:
        names = ", ".join(other.name for other in known.keys) or "none"
        raise SettingsError(f"there is no key '{name}'; there are: {names}")
    return key


def _replace(known: KeyFile, changed: Key) -> KeyFile:
    return KeyFile(keys=tuple(changed if key.name == changed.name else key for key in known.keys))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status: 0, or 1 with the reason on stderr."""
    asked = _parse(arguments)
    try:
        path = Settings.from_environment(os.environ).api_keys_path
        sys.stdout.write(_carry_out(asked, path))
    except TruegrainError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _carry_out(asked: argparse.Namespace, path: Path) -> str:
    known, secret = KeyFile.read(path), make_secret()
    if asked.command == "list":
        return "".join(f"{_line(key)}\n" for key in known.keys)
    if asked.command == "revoke":
        write(revoke(known, asked.name, old=asked.old), path)
        return f"{asked.name}: {'only its newest key is valid' if asked.old else 'revoked'}\n"
    write(_with_secret(known, asked, hash_of(secret)), path)
    return f"{secret}\n\nThis is the only time that the key of {asked.name} is shown; {path} holds its hash.\n"


def _with_secret(known: KeyFile, asked: argparse.Namespace, digest: str) -> KeyFile:
    if asked.command == "rotate":
        return rotate(known, asked.name, digest)
    given = {"name": asked.name, "roles": asked.role, "expires": asked.expires, "limit": asked.limit}
    try:
        return add(known, Key.model_validate(given | {"hashes": [digest]}))
    except ValidationError as error:
        (problem, *_) = error.errors()
        raise SettingsError(f"{problem['loc'][0]}={problem['input']!r} is not allowed: {problem['msg']}") from error


def _line(key: Key) -> str:
    expires = key.expires.isoformat(timespec="minutes") if key.expires else "never"
    rotating = f"{len(key.hashes)} secrets" if len(key.hashes) > 1 else ""
    return f"{key.name:<20}  {'+'.join(key.roles):<22}  {key.limit or '-':<14}  {expires:<22}  {rotating}".rstrip()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no date such as 2027-06-30") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m service.keys", description="API keys of the service.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print each key: name, roles, limit, when it expires")
    adding = commands.add_parser("add", help="make a key and print its secret, which is never shown again")
    adding.add_argument("--role", action="append", required=True, choices=get_args(Role))
    adding.add_argument("--limit", help="units granted, such as 600/minute; without it TRUEGRAIN_RATE_LIMIT")
    adding.add_argument("--expires", type=_moment, metavar="DATE", help="refuse it from then on: 2027-06-30, in UTC")
    rotating = commands.add_parser(
        "rotate", help="print a new secret; the previous secret stays valid until `revoke --old`"
    )
    revoking = commands.add_parser("revoke", help="withdraw a key")
    revoking.add_argument("--old", action="store_true", help="only the previous secret; the newest stays valid")
    for command in (adding, rotating, revoking):
        command.add_argument("name")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
