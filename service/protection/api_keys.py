"""API keys: their secrets, the file that holds the hashes of the secrets, and who a secret belongs to."""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import structlog
from limits import parse_many
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from model.errors import SettingsError
from model.feedback.reports import ANONYMOUS
from model.files import signature

Role = Literal["predict", "feedback", "admin"]

HASHES: Final = 2
"""Secrets of one key that are valid at a time: the newest, and the one before it for those who have not switched."""

PREFIX: Final = "tg_"
"""What every secret begins with, so that people, scanners and our log know one when they see it."""

_SECRET: Final = re.compile(rf"{PREFIX}[\w-]{{43}}", re.ASCII)

log = structlog.get_logger(__name__)


def make_secret() -> str:
    """Return a new secret: 256 random bits behind PREFIX."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """SHA-256 in hexadecimal. Random bits, unlike a password, need no salt and no slow hash: nobody can guess them."""
    return hashlib.sha256(secret.encode()).hexdigest()


def strike_out(text: str) -> str:
    """Return `text` without the secrets in it."""
    return _SECRET.sub(f"{PREFIX}***", text) if PREFIX in text else text


def check_limit(text: str) -> str:
    """Return `text` when it is a limit such as '600/minute' or '10/second;5000/day'; raises ValueError."""
    parse_many(text)
    return text


def check_name(name: str) -> str:
    """Return `name` unless callers without a key are called so; then raises ValueError."""
    if name == ANONYMOUS:
        raise ValueError(f"'{ANONYMOUS}': callers without a key are called so; choose another name")
    return name


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Limit = Annotated[str, AfterValidator(check_limit)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class Key(BaseModel):
    """Who may do what, with the hashes of its secrets, newest first.

    `limit` replaces TRUEGRAIN_RATE_LIMIT; from `expires` on the key is not accepted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(check_name)] = Field(pattern=r"^[\w.-]{1,40}$")
    roles: tuple[Role, ...] = Field(min_length=1)
    hashes: tuple[Hash, ...] = Field(min_length=1, max_length=HASHES)
    expires: Moment | None = None
    limit: Limit | None = None

    def may(self, role: Role) -> bool:
        """Whether the key has `role`; 'admin' has every one."""
        return role in self.roles or "admin" in self.roles

    def expired(self, now: datetime) -> bool:
        """Whether the key is no longer accepted at `now`."""
        return self.expires is not None and self.expires <= now


class KeyFile(BaseModel):
    """What the file of keys holds, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[Key, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; one that is not there holds no keys. Raises SettingsError for other content."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValidationError) as error:
            raise SettingsError(
                f"{path} is no file of API keys as `python -m service.keys` writes it: {error}"
            ) from error

    def named(self, name: str) -> Key | None:
        """Return the key of that name."""
        return next((key for key in self.keys if key.name == name), None)


class Keyring:
    """The keys of one process. A change of the file counts from the next request on.

    The first reading raises SettingsError for a file that is no file of keys; a later one logs it and keeps the keys.
    A file that was there and is gone says nothing about the keys, so then there is nobody to be admitted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = signature(self._path)
        self._is_gone = False
        self._keys = KeyFile.read(path).keys

    def is_gone(self) -> bool:
        """Tell whether the file has disappeared since it was read last."""
        self._refresh()
        return self._is_gone

    def find(self, secret: str) -> Key | None:
        """Return the key that `secret` belongs to, expired or not. How long that takes tells nothing of the hashes."""
        self._refresh()
        wanted, found = hash_of(secret), None
        for key in self._keys:
            for known in key.hashes:
                if hmac.compare_digest(known, wanted):
                    found = key
        return found

    def _refresh(self) -> None:
        found = signature(self._path)
        if found == self._seen:
            return
        self._seen, self._is_gone = found, found is None
        if self._is_gone:
            log.error("the file of API keys is gone: nobody is admitted until it is back", path=str(self._path))
            return
        try:
            self._keys = KeyFile.read(self._path).keys
            log.info("API keys read again", keys=len(self._keys))
        except SettingsError as error:
            log.error("API keys not read again, those known stay", reason=str(error))  # noqa: TRY400 - says it all
