"""Data Docs that open anywhere: Great Expectations' pages without what other hosts would have to serve."""

import re
from collections.abc import Iterable
from html import escape

from upath import UPath

from expectations.policy import CRITICAL
from expectations.runner import Examination, Finding
from model.files import write_text

# The scripts need jQuery, Vega and Bootstrap from four hosts; the pages read well without. The footer is a newsletter,
# the logo tells its host when a page is opened.
_FOREIGN = re.compile(
    r"""<script\b.*?</script> | <footer\b.*?</footer> | <link\b[^>]*>
      | <img\b[^>]*\bsrc="https?://[^>]*> | url\('https?://[^']*'\)""",
    re.DOTALL | re.VERBOSE,
)
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 0 auto; padding: 1rem; color: #1d2430; }
.container, .container-fluid { padding: 0 !important; }
nav.navbar { height: auto !important; }
nav ol, nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1rem; list-style: none; padding: 0; }
h1, h2, h3, h4, h5, h6 { font-size: 1.05rem; margin: .4rem 0; }
.alert { background: #f2f4f7; border-radius: 6px; padding: .5rem .8rem; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #e3e7ed; padding: .35rem .6rem; text-align: left; vertical-align: top; }
a { color: #0b5fa5; text-decoration: none; }
.card, .btn-group, .cooltip .top { display: none; }
.text-success, .text-danger, .text-warning { font-style: normal; font-weight: 700; }
.text-success { color: #17803d; }
.text-danger { color: #c0262d; }
.text-warning { color: #a15c00; }
.fa-check-circle::before { content: "\\2713"; }
.fa-times::before { content: "\\2717"; }
.fa-exclamation-triangle::before { content: "!"; }
</style></head>"""
_INDEX = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>
<h1>{title}</h1><p class="alert">{verdict}</p>
{more}{sections}</body></html>"""
_SECTION = """<h2><a href="{suite}.html">{suite}</a></h2><table>
<tr><th>Status</th><th>Rule</th><th>If broken</th><th>Found</th></tr>{rows}</table>"""


def write_docs(folder: UPath, examinations: Iterable[Examination], *, title: str, verdict: str, more: str = "") -> None:
    """Write index.html, which lists every rule with what it found, and Great Expectations' page for each suite.

    `more` is HTML that follows the verdict.
    """
    sections = []
    for examination in examinations:
        write_text(folder / f"{examination.suite}.html", _self_contained(examination.page))
        rows = "".join(_row(finding) for finding in examination.findings)
        sections.append(_SECTION.format(suite=examination.suite, rows=rows))
    index = _INDEX.format(title=escape(title), verdict=escape(verdict), more=more, sections="".join(sections))
    write_text(folder / "index.html", _self_contained(index))


def _self_contained(page: str) -> str:
    """Strip what is foreign, style what is left, and point the links at the pages that are there."""
    page = re.sub(r"(\.\./)+index\.html", "index.html", _FOREIGN.sub("", page))
    page = re.sub(r"(\.\./)+expectations/", "", page)
    return page.replace("</head>", _STYLE, 1)


def _row(finding: Finding) -> str:
    broken = "danger fa-times" if finding.refuses_table else "warning fa-exclamation-triangle"
    icon = "success fa-check-circle" if finding.success else broken
    of_the_table = "refused" if finding.severity == CRITICAL else "warning"
    consequence = f"row refused: {finding.reason}" if finding.reason else of_the_table
    cells = (finding.rule, consequence, finding.found or str(finding.observed))
    return f'<tr><td><i class="text-{icon}"></i></td>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
