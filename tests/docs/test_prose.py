"""Sentences are short, and say what they are about."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("model", "service", "expectations", "plugins", "dags", "infra", "tests")
MOST_IN_DOCSTRINGS, MOST_IN_MANUAL = 25, 30
"""Words of a sentence."""

_END = re.compile(r"(?<=[.!?])[)\"'*_]*\s+(?=[A-Z`\"'(\d*])")
_PARAGRAPH = re.compile(r"\n\s*\n|\n\s*(?=[-*] |\d+\. )")
_CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1[^\n]*$|^ {4}\S.*$", flags=re.MULTILINE | re.DOTALL)
_INVERTED = re.compile(r"^(?:Was|Were|Did|Does|Is|Are|Had|Should)\b[^?]*$")


def sentences(text: str) -> Iterator[str]:
    """Split prose into sentences: at full stops, at the end of a paragraph, and at the items of a list."""
    for paragraph in _PARAGRAPH.split(text):
        yield from filter(None, _END.split(" ".join(paragraph.split())))


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Every docstring of a module, also those below constants and fields, with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        for child in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
            match child:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield child.lineno, text


def prose(path: Path) -> str:
    """The sentences of a Markdown file: no code, no rows of tables but their cells, links as their text."""
    text = _CODE_BLOCK.sub("\n\n", path.read_text())
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return "\n".join(
        f"\n{line.strip('|').replace('|', chr(10) * 2)}\n" if line.startswith(("#", ":", "|")) else line
        for line in text.splitlines()
    )


PYTHON = sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.py") if "build" not in path.parts)
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")] + sorted(
    path
    for path in (ROOT / "infra" / "docs").rglob("*.md")
    if "build" not in path.parts and "reference" not in path.parts
)


@pytest.mark.parametrize("folder", CODE)
def test_no_sentence_of_a_docstring_is_long(folder: str) -> None:
    long = [
        f"{path.relative_to(ROOT)}:{line}: {sentence}"
        for path in PYTHON
        if path.is_relative_to(ROOT / folder)
        for line, text in docstrings(path)
        for sentence in sentences(text)
        if len(sentence.split()) > MOST_IN_DOCSTRINGS
    ]
    assert long == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_of_the_manual_is_long_or_inverted(page: Path) -> None:
    found = list(sentences(prose(page)))
    assert [sentence for sentence in found if len(sentence.split()) > MOST_IN_MANUAL] == []
    assert [sentence for sentence in found if _INVERTED.match(sentence)] == []


def test_sentences_are_counted_as_a_reader_reads_them() -> None:
    text = "One. Two of `a.b` and v1.2\nwords.\n\n- an item\n- Another item. `code` begins a sentence."
    assert list(sentences(text)) == [
        "One.", "Two of `a.b` and v1.2 words.", "- an item", "- Another item.", "`code` begins a sentence.",
    ]  # fmt: skip
