"""Writes what was found about a source as text for a terminal or a log."""

from collections.abc import Iterator, Mapping
from typing import Final

from model.dataset.checking import Checked
from model.dataset.preview import Preview
from model.errors import in_one_line
from model.sources.remarks import Remark

_MOST_LINES: Final = 20
"""Most groups, endings or files that are listed."""


def describe(checked: Checked) -> str:
    """Return what was found about a source: the verdict first, then a fact a line."""
    lines = [f"{in_one_line(checked.name)}: {checked.verdict.lower()}"]
    if checked.error is not None:
        lines.append(f"  {checked.error}")
    if checked.preview is not None:
        lines += [f"  {line}" for line in _describe(checked.preview)]
    return "".join(f"{line}\n" for line in lines)


def _describe(found: Preview) -> Iterator[str]:
    yield from (f"warning: {warning}" for warning in found.warnings())
    yield f"read as '{found.kind}', because {found.because}"
    yield f"{found.images.total():,} images: {_counts(found.count_by('label'))}"
    yield f"splits: {_counts(found.count_by('split'))}"
    if generators := found.count_by("generator"):
        yield f"generators: {_counts(generators)}"
    if collections := found.count_by("collection"):
        yield f"collections: {_counts(collections)}"
    yield f"endings of file names: {_counts({name or 'none': count for name, count in found.endings.items()})}"
    yield f"{found.read:,} of the images were read: {_counts(found.formats()) or 'none'}"
    for name, (least, middle, most) in found.sizes().items():
        yield f"{name}: {least:,} to {most:,}, median {middle:,}"
    yield from (f"{remark.text} ({_examples(remark)})" for remark in found.remarks if not remark.warns)
    yield from (f"no image: {count:,} files of the sample, {reason}" for reason, count in found.undecodable().items())
    yield from (f"not read: '{in_one_line(path)}', {reason}" for path, reason in found.unread)
    for name, shortcut in found.shortcuts().items():
        yield f"shortcut: {name} alone tells the label with an AUC of {shortcut.auc:.2f}, at least {shortcut.low:.2f}"


def _examples(remark: Remark) -> str:
    return f"{remark.count:,}: {', '.join(map(in_one_line, remark.examples))}"


def _counts(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{in_one_line(name)} {count:,}" for name, count in list(counts.items())[:_MOST_LINES])
    more = len(counts) - _MOST_LINES
    return f"{listed} and {more:,} more" if more > 0 else listed
