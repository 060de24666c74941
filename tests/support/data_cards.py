"""Opens data cards with Croissant's own reader."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

# The reader's own use of rdflib, pandas and tarfile is deprecated, and it closes no files.
IGNORE_ITS_WARNINGS = [
    pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter extracted tar:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card in a folder; fail unless it names the sums and the sizes of all its files rightly."""
    card: dict[str, Any] = json.loads((folder / "croissant.json").read_text())
    for file in card["distribution"]:
        if file["@type"] == "cr:FileObject":
            content = (folder / file["contentUrl"]).read_bytes()
            assert (file["sha256"], file["contentSize"]) == (hashlib.sha256(content).hexdigest(), f"{len(content)} B")
    return card


def open_card(folder: Path) -> Any:
    """Open the card in a folder; the reader raises ValidationError for an invalid one."""
    os.environ.setdefault("CROISSANT_CACHE", str(folder.parent / "croissant"))  # read when the package is imported
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert all("citeAs" in warning for warning in dataset.metadata.ctx.issues.warnings)
    return dataset
