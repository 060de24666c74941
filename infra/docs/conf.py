"""Sphinx's settings for the manual: `make docs` builds it, and a warning fails the build."""

import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = "Truegrain"
author = "the Truegrain authors"
release = version = _PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"Truegrain {release}"
html_static_path: list[str] = []
exclude_patterns = ["build"]

myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline"]
nitpicky = False

# Docstrings write code as `code`, as Markdown does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# Sphinx takes a field called `bytes` for the type of the same name.
suppress_warnings = ["ref.python"]


def setup(app: Sphinx) -> None:
    """Leave out of a module's page what the module imports."""
    app.connect("autodoc-skip-member", _is_imported)


def _is_imported(_app: Sphinx, owner: str, _name: str, member: object, skip: bool, _options: object) -> bool | None:  # noqa: FBT001
    home = str(getattr(member, "__module__", None) or "model")
    return True if skip or (owner == "module" and not home.startswith(("model", "truegrain"))) else None
