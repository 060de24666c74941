"""`truegrain <command>`: one entry to the commands that people call by hand."""

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `truegrain <arguments>`, by default those of this process; return the exit status of the command.

    A command is imported when it is called, so `truegrain predict` loads nothing of the platform.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = _parse(given[:1])
    if command == "predict":
        from truegrain.predict import main as run
    elif command == "sources":
        from model.preview.__main__ import main as run
    elif command == "threshold":
        from model.evaluation.__main__ import main as run
    elif command == "dataset":
        from model.dataset.__main__ import main as run
    else:
        from model.privacy.__main__ import main as run
    return run(given[1:])


def _parse(arguments: list[str]) -> str:
    parser = argparse.ArgumentParser(prog="truegrain", epilog="`truegrain <command> --help` describes a command.")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    commands.add_parser("predict", help="judge images with a running service", add_help=False)
    commands.add_parser(
        "sources", help="show what a source of labelled images holds, before it is ingested", add_help=False
    )
    commands.add_parser(
        "threshold", help="find the threshold for the cost of a false accusation and the share of AI", add_help=False
    )
    commands.add_parser("dataset", help="export dataset versions for other tools", add_help=False)
    commands.add_parser("privacy", help="show what is kept about each client, and erase images", add_help=False)
    return str(parser.parse_args(arguments).command)


if __name__ == "__main__":
    sys.exit(main())
