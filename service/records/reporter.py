"""Who makes, replaces and withdraws a report: the holder of an API key, or whoever knows the report's token."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from model.feedback.reports import ANONYMOUS

_TOKEN_BYTES: Final = 32
_KEY: Final = "key:"
_LICENCE: Final = "token:"


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """The caller: the `key`'s name, None without one, the report's `token` if that was sent, and the role 'admin'."""

    key: str | None
    token: str | None = None
    is_admin: bool = False

    @property
    def name(self) -> str:
        """What reports and predictions call the caller."""
        return ANONYMOUS if self.key is None else self.key

    @property
    def identity(self) -> str:
        """What tells the caller from all others; a key that is called like those without one is another reporter."""
        return ANONYMOUS if self.key is None else f"{_KEY}{self.key}"

    def owns(self, report: Mapping[str, Any]) -> bool:
        """Whether the caller made a report. One of an earlier release belongs to its key, or to nobody."""
        owner: str | None = report.get("owner")
        if owner is None:
            return self.key is not None and self.key == report["client"] != ANONYMOUS
        if owner.startswith(_LICENCE):
            return self.token is not None and hmac.compare_digest(owner, _hashed(self.token))
        return owner == self.identity

    def token_of(self, earlier: Mapping[str, Any] | None) -> str | None:
        """Return the token of the caller's report: that of the `earlier` one in its place, else a new one."""
        if self.key is not None:
            return None
        return self.token if earlier is not None else secrets.token_urlsafe(_TOKEN_BYTES)

    def owner(self, token: str | None) -> str:
        """Return what a report says of who may change it; of a token, which is random, only the hash."""
        return self.identity if token is None else _hashed(token)


def _hashed(token: str) -> str:
    return _LICENCE + hashlib.sha256(token.encode()).hexdigest()
