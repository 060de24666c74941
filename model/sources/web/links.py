"""What a page of a web server links to."""

import html
import re
from typing import Final
from urllib.parse import urljoin

MOST_BYTES: Final = 10_000_000
"""The longest page that is searched: some hundred thousand links."""

# Neither can look at a character more than a few times. fsspec's own expression takes cubic time for blanks, and
# Python's html.parser quadratic time for tags that do not end.
_LINK: Final = re.compile(
    r"""<a\s(?:[^<>]*?\s)?href\s*=\s*(?:"(?P<double>[^"<>]*)"|'(?P<single>[^'<>]*)'|(?P<bare>[^\s"'<>]+))""",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"https?://[-a-zA-Z0-9@:%_+.~#?&/=]+")


def find_links(page: bytes, folder: str) -> set[str]:
    """Return the URLs below that of a `folder` to which its page links, or which stand in its text.

    All begin with the folder's, whether the page writes http or https.
    """
    text = page.decode("utf-8", "ignore")
    base = folder.rstrip("/") + "/"
    found = {_below(base, html.unescape(match[match.lastgroup or 0])) for match in _LINK.finditer(text)}
    return {link for link in found | {_below(base, address) for address in _ADDRESS.findall(text)} if link}


def _below(base: str, link: str) -> str | None:
    try:
        address = urljoin(base, link.strip()).partition("#")[0]
    except ValueError:  # such as a host in brackets that are not closed
        return None
    scheme, _, there = address.partition("://")
    inside = there.removeprefix(base.partition("://")[2])
    return base + inside if scheme in ("http", "https") and inside not in ("", there) else None
