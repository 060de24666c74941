"""`python -m truegrain_fuzz.target NAME [options of libFuzzer]`: fuzzes one target in this process."""

import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

INSTRUMENTED: Final = ["model", "service", "PIL", "joserfc", "werkzeug", "tarfile", "zipfile"]
"""Packages whose branches guide the mutations."""


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=INSTRUMENTED):
        from truegrain_fuzz.targets import TARGETS
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="truegrain-fuzz-") as folder:
        parse = TARGETS[name].open(Path(folder))
        atheris.Setup([sys.argv[0], *options], parse)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
