"""The secret of an API key: made, hashed, and struck out wherever it would be shown."""

import hashlib
import re
import secrets
from typing import Final

PREFIX: Final = "tg_"
"""What every secret begins with, so that people, scanners and our log know one when they see it."""

_SECRET: Final = re.compile(rf"{PREFIX}[\w-]{{43}}", re.ASCII)


def make_secret() -> str:
    """Return a new secret: 256 random bits behind PREFIX."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """SHA-256 in hexadecimal. Random bits, unlike a password, need no salt and no slow hash: nobody can guess them."""
    return hashlib.sha256(secret.encode()).hexdigest()


def strike_out(text: str) -> str:
    """Return `text` without the secrets in it."""
    return _SECRET.sub(f"{PREFIX}***", text) if PREFIX in text else text
