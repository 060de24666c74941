"""`truegrain dataset`: exports dataset versions for other tools."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from model.dataset.export.exporting import FORMATS, Exported, export
from model.dataset.lake import Lake
from model.errors import TruegrainError
from model.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status, which is 1 after a failure, with the reason on stderr."""
    asked = _parse(arguments)
    try:
        lake = Lake(Settings.from_environment(os.environ).lake_url)
        done = export(lake, asked.version, asked.to, format_=asked.format)
    except (TruegrainError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n" if asked.json else _describe(done, asked.to))
    return 0


def _describe(done: Exported, to: str) -> str:
    lines = [f"{done.images:,} images of the version {done.version} in {done.files:,} files: {to}"]
    if done.withdrawn:
        lines.append(f"{done.withdrawn:,} images were withdrawn since, and are left out")
    if done.again != done.version:
        lines.append(
            f"a new lake makes the version {done.again} of them: images that were withdrawn, or that validation "
            "refused, are missing"
        )
    return "".join(f"{line}\n" for line in lines)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="truegrain dataset", description="Dataset versions for other tools.")
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export", help="write a dataset version as Parquet or WebDataset")
    exporting.add_argument("version", help="id of a published version, such as 20261102-0123456789ab")
    exporting.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="[%(default)s]")
    exporting.add_argument("--to", required=True, help="an empty folder, or any fsspec URL")
    exporting.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
