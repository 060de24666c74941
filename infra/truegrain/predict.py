"""`truegrain predict`: judges image files with a running service, a line of output for each."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from model.detectors.training_data import DEMONSTRATION
from model.errors import TruegrainError
from model.settings import CLIENT_KEY, CLIENT_URL
from service.answers.options import Options
from service.answers.verdict import Verdict
from truegrain.client import LOCAL_URL, PATIENCE, TIMEOUT, Client
from truegrain.files import STDIN, find_images
from truegrain.judging import judge_each, judge_in_batches
from truegrain.lines import Progress, as_json, as_text, summarise

JUDGED: Final = 0
REFUSED: Final = 1
FAILED: Final = 2
INTERRUPTED: Final = 130
"""Exit statuses; the last is what shells report for Control-C."""

_EPILOG: Final = f"""\
exit status:
  {JUDGED}  each image was judged
  {REFUSED}  an image was refused, and its line says why
  {FAILED}  the command is wrong, the service does not answer, or it refuses every image

The API key is the variable {CLIENT_KEY} or the file of --key-file. It is no argument, because other users of a
machine can read the arguments of a command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `truegrain predict <arguments>`; return the exit status, with the reason of a failure on stderr."""
    asked = _parse(arguments)
    try:
        return _judge(asked)
    except TruegrainError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads the output wants no more of it
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's last flush is silent
        return FAILED


def _judge(asked: argparse.Namespace) -> int:
    found = find_images(asked.files)
    options = Options(max_fpr=asked.max_fpr, stability=asked.stability, receipt=asked.receipt)
    judge = judge_in_batches if asked.batch else judge_each
    write = as_json if asked.json else as_text
    counts: Counter[str] = Counter()
    progress = Progress(len(found.images))
    is_demonstration = False
    try:
        with Client(
            asked.url, key=_key(asked), patience=asked.patience, timeout=asked.timeout, on_pause=progress.pause
        ) as client:
            for outcome in judge(client, found.images, options):
                progress.clear()
                sys.stdout.write(f"{write(outcome)}\n")
                sys.stdout.flush()
                verdict = outcome.result if isinstance(outcome.result, Verdict) else None
                counts[verdict.decision if verdict else "refused"] += 1
                is_demonstration |= bool(verdict and verdict.model.demonstration)
                progress.show(counts)
    finally:
        progress.clear()
    if len(found.images) > 1 or found.passed_over:
        sys.stderr.write(f"{summarise(counts, found.passed_over)}\n")
    if is_demonstration:
        sys.stderr.write(f"{DEMONSTRATION}\n")
    return REFUSED if counts["refused"] else JUDGED


def _key(asked: argparse.Namespace) -> str | None:
    if asked.key_file is None:
        return os.environ.get(CLIENT_KEY) or None
    try:
        key = str(asked.key_file.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise TruegrainError(f"the API key cannot be read from '{asked.key_file}': {error}") from error
    if not key:
        raise TruegrainError(f"'{asked.key_file}' is empty: it should hold an API key")
    return key


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="truegrain predict",
        description="Judge image files with a running service.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help=f"an image, a folder with images in it or below it, or {STDIN} for standard input",
    )
    parser.add_argument(
        "--url",
        default=os.environ.get(CLIENT_URL) or LOCAL_URL,
        help=f"address of the service [{CLIENT_URL}, else {LOCAL_URL}]",
    )
    parser.add_argument("--key-file", type=Path, metavar="PATH", help="file with the API key")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line, with the whole verdict")
    parser.add_argument("--batch", action="store_true", help="send many images in a request")
    parser.add_argument("--max-fpr", metavar="RATE", help="decide at this false-positive rate, such as 0.01")
    parser.add_argument("--stability", action="store_true", help="also judge four copies of each image")
    parser.add_argument("--receipt", action="store_true", help="have each verdict signed; see it with --json")
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=PATIENCE,
        metavar="SECONDS",
        help="longest wait of a request for a busy service [%(default)g]",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="SECONDS", help="longest silence of it [%(default)g]"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
