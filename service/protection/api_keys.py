"""API keys: makes secrets, reads and checks the file of their hashes, and finds the key that a secret belongs to."""

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
"""Valid secrets of one key: the newest, and the previous one for clients that have not switched yet."""

PREFIX: Final = "tg_"
"""What every secret begins with, so that people, secret scanners and our log recognise a secret."""

_SECRET: Final = re.compile(rf"{PREFIX}[\w-]{{43}}", re.ASCII)

log = structlog.get_logger(__name__)


def make_secret() -> str:
    """Return a new secret: 256 random bits behind PREFIX."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Return the SHA-256 in hexadecimal. 256 random bits cannot be guessed, so they need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def strike_out(text: str) -> str:
    """Return `text` with its secrets masked."""
    return _SECRET.sub(f"{PREFIX}***", text) if PREFIX in text else text


def check_limit(text: str) -> str:
    """Return `text` when it is a limit such as '600/minute' or '10/second;5000/day'; raises ValueError."""
    parse_many(text)
    return text


def check_name(name: str) -> str:
    """Return `name`; raises ValueError for ANONYMOUS, the name of callers without a key."""
    if name == ANONYMOUS:
        raise ValueError(f"'{ANONYMOUS}' is the name of callers without a key; choose another name")
    return name


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Limit = Annotated[str, AfterValidator(check_limit)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class Key(BaseModel):
    """A client's name and roles, and the hashes of its secrets, newest first.

    `limit` replaces TRUEGRAIN_RATE_LIMIT. From `expires` on the key is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(check_name)] = Field(pattern=r"^[\w.-]{1,40}$")
    roles: tuple[Role, ...] = Field(min_length=1)
    hashes: tuple[Hash, ...] = Field(min_length=1, max_length=HASHES)
    expires: Moment | None = None
    limit: Limit | None = None

    def may(self, role: Role) -> bool:
        """Whether the key has `role`; 'admin' includes every role."""
        return role in self.roles or "admin" in self.roles

    def expired(self, now: datetime) -> bool:
        """Whether the key is no longer accepted at `now`."""
        return self.expires is not None and self.expires <= now


class KeyFile(BaseModel):
    """The content of the file of keys, which is JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[Key, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; a missing file holds no keys. Raises SettingsError for a file that cannot be understood."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValidationError) as error:
            raise SettingsError(
                f"{path} is no file of API keys as `python -m service.keys` writes it: {error}"
            ) from error

    def named(self, name: str) -> Key | None:
        """Return the key of that name, None without one."""
        return next((key for key in self.keys if key.name == name), None)


class Keyring:
    """The keys of one process. A change of the file counts from the next request on.

    At the start a file that cannot be understood raises SettingsError; later it is logged and the known keys stay.
    If the file disappears, no key can be checked, and `is_gone` becomes true.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = signature(self._path)
        self._is_gone = False
        self._keys = KeyFile.read(path).keys

    def is_gone(self) -> bool:
        """Tell whether the file of keys has disappeared since it was last read."""
        self._refresh()
        return self._is_gone

    def find(self, secret: str) -> Key | None:
        """Return the key that `secret` belongs to, expired or not. The time it takes reveals nothing of the hashes."""
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
            log.error("API keys not read again, those known stay", reason=str(error))  # noqa: TRY400 - it says it all
