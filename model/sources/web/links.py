"""Finds the addresses below a folder that the folder's web page links to."""

import html
import re
from typing import Final
from urllib.parse import urljoin

MOST_BYTES: Final = 10_000_000
"""Most bytes of a page that is searched: some hundred thousand links."""

# Both expressions look at each character only a few times. fsspec's own expression takes cubic time for blanks, and
# Python's html.parser takes quadratic time for tags that do not end.
_LINK: Final = re.compile(
    r"""<a\s(?:[^<>]*?\s)?href\s*=\s*(?:"(?P<double>[^"<>]*)"|'(?P<single>[^'<>]*)'|(?P<bare>[^\s"'<>]+))""",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"https?://[-a-zA-Z0-9@:%_+.~#?&/=]+")


def find_links(page: bytes, folder: str) -> set[str]:
    """Return the URLs below the URL of a `folder` that its page links to, or names in its text.

    All of them begin with the URL of the folder, whether the page writes http or https.
    """
    text = page.decode("utf-8", "ignore")
    base = folder.rstrip("/") + "/"
    found = {_below(base, html.unescape(match[match.lastgroup or 0])) for match in _LINK.finditer(text)}
    return {link for link in found | {_below(base, address) for address in _ADDRESS.findall(text)} if link}


def _below(base: str, link: str) -> str | None:
    try:
        address = urljoin(base, link.strip()).partition("#")[0]
    except ValueError:  # such as a host with an unclosed bracket
        return None
    scheme, _, there = address.partition("://")
    inside = there.removeprefix(base.partition("://")[2])
    return base + inside if scheme in ("http", "https") and inside not in ("", there) else None
