"""Reading the page of a validation: what stands in its rows."""

import re
from html import unescape


def rows_of(page: str) -> dict[str, tuple[str, str, str]]:
    """Return status, consequence and what was observed, by rule."""
    found = {}
    for row in page.split("<tr>\n<td class=")[1:]:
        (status,) = re.findall(r"<strong>(.*?)</strong>", row)
        (rule,) = re.findall(r"<summary>(.*?)</summary>", row)
        consequence, observed = re.findall(r"<td>(.*?)</td>", row, re.DOTALL)[-2:]
        found[unescape(rule)] = (unescape(status), unescape(consequence), unescape(observed).strip())
    return found
