"""The maker of a report, who may replace or withdraw it: the holder of an API key or of the report's token."""

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
    """The caller: its `key`'s name or None, the `token` that it sent or None, and whether it has the role 'admin'."""

    key: str | None
    token: str | None = None
    is_admin: bool = False

    @property
    def name(self) -> str:
        """The caller's name in reports and predictions."""
        return ANONYMOUS if self.key is None else self.key

    @property
    def identity(self) -> str:
        """The caller's identity: unlike `name`, it differs for a key that is itself called ANONYMOUS."""
        return ANONYMOUS if self.key is None else f"{_KEY}{self.key}"

    def owns(self, report: Mapping[str, Any]) -> bool:
        """Whether the caller made a report. A report of an earlier release belongs to its key, or to nobody."""
        owner: str | None = report.get("owner")
        if owner is None:
            return self.key is not None and self.key == report["client"] != ANONYMOUS
        if owner.startswith(_LICENCE):
            return self.token is not None and hmac.compare_digest(owner, _hashed(self.token))
        return owner == self.identity

    def token_of(self, earlier: Mapping[str, Any] | None) -> str | None:
        """Return the report's token: the one sent if there is an `earlier` report, else a new one; None for a key."""
        if self.key is not None:
            return None
        return self.token if earlier is not None else secrets.token_urlsafe(_TOKEN_BYTES)

    def owner(self, token: str | None) -> str:
        """Return the entry in a report that says who may change it: the caller's identity, or the token's hash."""
        return self.identity if token is None else _hashed(token)


def _hashed(token: str) -> str:
    return _LICENCE + hashlib.sha256(token.encode()).hexdigest()
