"""Writes the page that lists every rule with its result, for people. validation.json is for programs."""

from collections import Counter
from collections.abc import Sequence

import great_expectations as gx
from upath import UPath

from expectations.runner import Examination
from model.files import write_text
from model.pages.rendering import render_page


def write_docs(
    folder: UPath,
    examinations: Sequence[Examination],
    *,
    title: str,
    verdict: str,
    success: bool,
    version_page: bool = False,
) -> None:
    """Write index.html: the verdict, and every rule with its consequence and its observed value.

    With `version_page` the page links to version.html in the same folder. Raises StorageFull without room.
    """
    page = render_page(
        "validation_page.html",
        title=title,
        verdict=verdict,
        success=success,
        version_page=version_page,
        examinations=examinations,
        counts=Counter(finding.status for examination in examinations for finding in examination.findings),
        great_expectations=gx.__version__,
    )
    write_text(folder / "index.html", page)
