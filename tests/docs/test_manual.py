"""The manual builds without a warning, leads nowhere wrong, and has every public name of `model`."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from truegrain_docs.pictures import PICTURE, digest_in_picture, digest_of_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "infra" / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manual as HTML; a warning, such as a link that leads nowhere, fails the build."""
    folder = tmp_path_factory.mktemp("manual")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def public_names() -> Iterator[str]:
    """Every function, class and method of `model` whose name has no underscore in front, by its full name."""
    for path in sorted((ROOT / "model").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        module = ".".join(part for part in parts if part != "__init__")
        yield from (f"{module}.{name}" for name in _defined(ast.parse(path.read_text())))


def _defined(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield child.name
            if isinstance(child, ast.ClassDef):
                yield from (f"{child.name}.{name}" for name in _defined(child))


def test_every_public_name_of_the_domain_is_in_the_reference(site: Path) -> None:
    pages = (site / "reference" / "python").glob("*.html")
    described = {name for page in pages for name in re.findall(r'id="(model\.[\w.]+)"', page.read_text())}
    assert sorted(set(public_names()) - described) == []


def test_every_link_inside_the_manual_leads_to_a_place_on_its_page(site: Path) -> None:
    wrong = []
    for path in site.rglob("*.html"):
        for link in re.findall(r'href="([^"#:]*)#([^"]+)"', path.read_text()):
            page = (path.parent / link[0]).resolve() if link[0] else path
            if page.suffix == ".html" and f'id="{link[1]}"' not in page.read_text():
                wrong.append((str(path.relative_to(site)), link))
    assert wrong == []


def test_the_picture_of_the_page_shows_the_page_as_it_is() -> None:
    assert digest_in_picture() == digest_of_page(), (
        f"{PICTURE.name} is older than the page: run `make up`, then `python -m truegrain_docs.pictures`"
    )


def test_every_picture_of_the_manual_is_shown_on_a_page() -> None:
    pages = "".join(path.read_text() for path in [ROOT / "README.md", *DOCS.rglob("*.md")])
    pictures = {path.name for suffix in ("*.png", "*.svg") for path in DOCS.rglob(suffix) if "build" not in path.parts}
    assert {name for name in pictures if f"{name})" not in pages} == set()
