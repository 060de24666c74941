"""`truegrain privacy`: shows what is kept about each client, and erases images."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy.exc import SQLAlchemyError

from model.errors import TruegrainError
from model.privacy.forgetting import Forgotten, forget
from model.privacy.keeping import Client, Kept, look
from model.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status, which is 1 after a failure, with the reason on stderr."""
    asked = _parse(arguments)
    try:
        settings = Settings.from_environment(os.environ)
        sys.stdout.write(_carry_out(settings, asked))
    except TruegrainError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except SQLAlchemyError as error:
        # Without the error's text, which may quote a URL and rows.
        sys.stderr.write(f"the prediction log does not answer ({type(error).__name__}); try again once it does\n")
        return 1
    return 0


def _carry_out(settings: Settings, asked: argparse.Namespace) -> str:
    if asked.command == "report":
        kept = look(settings)
        return json.dumps(kept.to_json(), indent=2, default=str) + "\n" if asked.json else describe(kept)
    done = forget(settings, asked.sha256, reason=asked.reason)
    return json.dumps(asdict(done), indent=2) + "\n" if asked.json else _describe_forgotten(done)


def describe(kept: Kept) -> str:
    """Return the report as text: a line for each client, then what is kept in all."""
    lines = [_line(name, client) for name, client in kept.clients.items()] or ["nothing is kept about any client"]
    lines += [
        "",
        f"the lake holds {kept.images_from_reports:,} images from reports; {kept.erased_rows:,} images were erased",
        f"tombstones: {kept.tombstones:,}, of which {kept.to_erase:,} wait for erasure",
        f"caches of training: {kept.caches:,} files, {kept.cache_bytes:,} bytes",
        *(f"{name}={value}" for name, value in kept.settings.items()),
        f"kept without a time limit: {kept.without_end}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, client: Client) -> str:
    dates = f", {client.oldest:%Y-%m-%d} to {client.newest:%Y-%m-%d}" if client.oldest and client.newest else ""
    reports = f"{client.reports:,} reports ({client.waiting:,} wait, {client.pictures:,} with picture)"
    return f"{name}: {client.predictions:,} predictions{dates}; {reports}, {client.bytes:,} bytes"


def _describe_forgotten(done: Forgotten) -> str:
    lines = [f"{done.predictions:,} predictions deleted", str(done.erasure or "nothing was left to erase")]
    if done.unseen:
        lines.append(f"not in the lake, and kept out from now on: {', '.join(done.unseen)}")
    return "".join(f"{line}\n" for line in lines)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="truegrain privacy", description="What is kept about clients and images.")
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="show what is kept about each client, and for how long")
    forgetting = commands.add_parser(
        "forget", help="erase images everywhere: lake, pages, reports, caches, MLflow, and their predictions"
    )
    forgetting.add_argument(
        "--sha256",
        action="append",
        required=True,
        help="SHA-256 sum of the file; give the option again for each further file",
    )
    forgetting.add_argument("--reason", required=True, help="kept with the hash, so do not name people")
    for command in (report, forgetting):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
