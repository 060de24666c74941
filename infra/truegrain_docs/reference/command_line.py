"""The page of the command line."""

import os
import subprocess
import sys
from typing import Final

from truegrain_docs.markdown import page
from truegrain_rig.stack import ROOT

COMMANDS: Final = (
    (
        "truegrain",
        (
            "predict",
            "sources",
            "sources check",
            "threshold",
            "dataset",
            "dataset export",
            "privacy",
            "privacy report",
            "privacy forget",
        ),
    ),
    ("model.registry", ("history", "promote", "rollback", "repair", "sign")),
    ("model.training", ()),
    ("service.keys", ("list", "add", "rotate", "revoke")),
    ("service.answers.receipts", ("new-key",)),
)
"""Modules that are called as `python -m <module>`, and the commands of each; `truegrain` is a program too."""


def command_line() -> str:
    """Return what each command of an operator's shell says of itself."""
    make = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return page(
        "Command line",
        "Inside a container leave out `.venv/bin/`. Each command reads the same settings as the services, except for"
        " `truegrain predict`, which knows only the address of a service. `.venv/bin/truegrain` is the program for"
        " `python -m truegrain`.",
        f"## make\n\n```text\n{make.stdout.strip()}\n```",
        *(_section(module, commands) for module, commands in COMMANDS),
    )


def _section(module: str, commands: tuple[str, ...]) -> str:
    helps = [_help(module, command) for command in ("", *commands)]
    blocks = "\n\n".join(f"```text\n{text}\n```" for text in helps)
    return f"## python -m {module}\n\n{blocks}"


def _help(module: str, command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *command.split(), "--help"],
        env={**os.environ, "COLUMNS": "100"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
