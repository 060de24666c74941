"""URLs as people may read them: without the password and without the query, which may be a signature."""

import re
from typing import Final

_URL: Final = re.compile(r"""://(?:[^\s/'"]*@)?(?P<rest>[^\s'"?#]*)(?:[?#](?P<query>[^\s'"]*))?""")


def without_secrets(text: str) -> str:
    """Return a text with what stands before the host, and behind the path, of each URL in it struck out."""
    return _URL.sub(lambda url: f"://{url['rest']}{'?…' if url['query'] else ''}", text)
