"""`python -m truegrain_docs`: writes the reference of the manual, and the figures of README."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from truegrain_bench.results.results import RESULTS, read
from truegrain_docs.readme import with_figures
from truegrain_docs.reference.alerts import alerts
from truegrain_docs.reference.command_line import command_line
from truegrain_docs.reference.dags import dags
from truegrain_docs.reference.endpoints import endpoints, problems
from truegrain_docs.reference.figures import figures
from truegrain_docs.reference.limits import limits
from truegrain_docs.reference.metrics import metrics
from truegrain_docs.reference.python_api import rooms
from truegrain_docs.reference.recipes import recipe_fields
from truegrain_docs.reference.rules import rules
from truegrain_docs.reference.settings import settings
from truegrain_rig.stack import ROOT

README: Final = ROOT / "README.md"
REFERENCE: Final = ROOT / "infra" / "docs" / "reference"
PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "alerts": alerts,
        "command-line": command_line,
        "dags": dags,
        "endpoints": endpoints,
        "figures": figures,
        "limits": limits,
        "metrics": metrics,
        "problems": problems,
        "recipes": recipe_fields,
        "rules": rules,
        "settings": settings,
    }
)


def written() -> dict[Path, str]:
    """Return each text that is made of the code, by the path of its file."""
    pages = {REFERENCE / f"{name}.md": make() for name, make in PAGES.items()}
    pages |= {REFERENCE / "python" / f"{room}.md": text for room, text in rooms().items()}
    return pages | {README: with_figures(README.read_text(), read(RESULTS))}


def main() -> None:
    """Write the pages, and delete those that the code no longer has."""
    pages = written()
    for stale in set(REFERENCE.rglob("*.md")) - pages.keys() - {REFERENCE / "index.md"}:
        stale.unlink()
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
