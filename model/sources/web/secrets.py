"""Strikes passwords and queries out of URLs, so that people may read them; a query may hold a signature."""

import re
from typing import Final

STRUCK_OUT: Final = "…"
"""Stands in place of a secret."""

_URL: Final = re.compile(r"""://(?P<user>[^\s/]*@)?(?P<rest>[^\s'"?#]*)(?:[?#](?P<query>[^\s'"]*))?""")


def without_secrets(text: str) -> str:
    """Return a text in which the user, password, query and fragment of each URL are struck out."""
    return _URL.sub(_strike_out, text)


def _strike_out(url: re.Match[str]) -> str:
    user = f"{STRUCK_OUT}@" if url["user"] else ""
    return f"://{user}{url['rest']}{'?' + STRUCK_OUT if url['query'] else ''}"
