"""README is short, its links lead somewhere, and its figures are those that were measured."""

import re
from pathlib import Path

import pytest

from truegrain_bench.results.catalog import MEANING
from truegrain_bench.results.results import RESULTS, read
from truegrain_docs.readme import BEGIN, FIGURES, with_figures

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MOST_WORDS = 700
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
MANUAL = sorted(path for path in (ROOT / "infra" / "docs").rglob("*.md") if "build" not in path.parts)


def test_readme_is_read_in_three_minutes() -> None:
    assert len(README.split()) <= MOST_WORDS


def test_the_figures_of_readme_are_those_that_were_measured() -> None:
    assert with_figures(README, read(RESULTS)) == README
    assert all(name in README for name in FIGURES)


def test_only_the_figures_of_readme_are_replaced() -> None:
    spoiled = README.replace(f"{BEGIN}\n", f"{BEGIN}\nold\n")
    assert with_figures(spoiled, read(RESULTS)) == README


def test_every_measured_figure_has_a_meaning() -> None:
    assert read(RESULTS).keys() <= MEANING.keys()


@pytest.mark.parametrize("document", [*DOCUMENTS, *(str(path.relative_to(ROOT)) for path in MANUAL)])
def test_every_file_that_a_document_links_to_exists(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", [*DOCUMENTS, *(str(path.relative_to(ROOT)) for path in MANUAL)])
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^(?: {4})?)make ([a-z-]+)", (ROOT / document).read_text(), flags=re.MULTILINE))
    assert named <= targets
