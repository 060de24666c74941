"""URLs as people may read them: without the password and without the query, which may be a signature."""

import re
from typing import Final

STRUCK_OUT: Final = "…"
"""What stands in place of a secret."""

_URL: Final = re.compile(r"""://(?P<user>[^\s/'"]*@)?(?P<rest>[^\s'"?#]*)(?:[?#](?P<query>[^\s'"]*))?""")


def without_secrets(text: str) -> str:
    """Return a text with what stands before the host, and behind the path, of each URL in it struck out."""
    return _URL.sub(_strike_out, text)


def _strike_out(url: re.Match[str]) -> str:
    user = f"{STRUCK_OUT}@" if url["user"] else ""
    return f"://{user}{url['rest']}{'?' + STRUCK_OUT if url['query'] else ''}"
