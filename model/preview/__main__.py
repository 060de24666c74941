"""`truegrain sources`: shows what a source holds before it is ingested."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from upath import UPath

from model.dataset.checking import REFUSED, UNREADABLE, Checked, check
from model.dataset.contained.budget import Budget
from model.dataset.previewing import SAMPLE
from model.errors import SourceError, TruegrainError, UnreadableSource
from model.files import write_text
from model.pages.preview_page import draw_preview_page
from model.preview.text import describe
from model.settings import Settings
from model.sources.web.reach import Reach

_EPILOG: Final = """exit status:
  0  every source would be ingested; warnings say what validation would find
  1  a source would be refused: it contradicts itself, or cannot be understood
  2  a source cannot be read, the report cannot be written, or the command is wrong

All files are listed, and a sample of the images is read. Nothing is written but the report."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status, which is that of the worst source."""
    asked = _parse(arguments)
    try:
        settings = Settings.from_environment(os.environ)
        reach, budget = Reach.of(settings), Budget.of(settings)
        checked = check(asked.location or settings.source, sample=asked.sample, reach=reach, budget=budget)
        if asked.report is not None:
            write_text(UPath(asked.report), draw_preview_page(checked))
    except (TruegrainError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        is_refused = isinstance(error, SourceError) and not isinstance(error, UnreadableSource)
        return REFUSED if is_refused else UNREADABLE
    sys.stdout.write(_write(checked, as_json=asked.json))
    return max(each.status for each in checked)


def _write(checked: Sequence[Checked], *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"sources": [each.to_json() for each in checked]}, indent=2) + "\n"
    return "\n".join(describe(each) for each in checked)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="truegrain sources", description="What sources of labelled images hold.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "check",
        help="say what ingestion would read of a source, and what validation would find",
        description="Say what ingestion would read of a source, and what validation would find.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "location", nargs="?", help="whatever SOURCE takes: a folder, an archive, a URL, a TOML file [TRUEGRAIN_SOURCE]"
    )
    command.add_argument("--report", metavar="FILE", help="also write a page with example images: FILE.html")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--sample", type=_at_least_one, default=SAMPLE, help=f"images to read [{SAMPLE}]")
    return parser.parse_args(arguments)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
