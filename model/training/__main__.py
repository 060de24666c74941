"""Train a detector on a published dataset version and log it to MLflow; the last line printed is a JSON result."""

import argparse
import json
import os
import sys

import torch

from model.errors import HOPELESS_STATUS, LockHeld, RegistryUnavailable, TrainingError, TruegrainError
from model.settings import Settings
from model.training.config import read_config, recipes
from model.training.distributed import joined
from model.training.launch import launch
from model.training.loop.train import train_detector


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, train, print the result; returns the exit status.

    - 0: success.
    - HOPELESS_STATUS, which argparse uses as well: repeating the same call would fail again.
    - Any other status: repeating the same call may succeed.

    On a machine with several GPUs each GPU gets a process.
    """
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    processes = options.processes or torch.cuda.device_count()
    if processes > 1 and "WORLD_SIZE" not in os.environ:
        return launch(given, processes=processes)
    try:
        settings = Settings.from_environment(os.environ)
        config = read_config(options.recipe or settings.recipe, _overrides(options.set))
        # Else torch.compile would keep code and pickles in a folder of /tmp that another user may have made before.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(settings.home.resolve() / "compiled")
        with joined(os.environ) as process:
            result = train_detector(settings, config, dataset_version=options.dataset, process=process)
    except TruegrainError as error:
        print(f"training failed: {error}", file=sys.stderr)
        return 1 if isinstance(error, (LockHeld, RegistryUnavailable)) else HOPELESS_STATUS
    if process.first:
        print(json.dumps(result), flush=True)
    return 0


def _overrides(pairs: list[str]) -> dict[str, object]:
    """Turn ["epochs=3"] into {"epochs": "3"}; raises TrainingError for an entry without '='."""
    for pair in pairs:
        if "=" not in pair:
            raise TrainingError(f"--set takes key=value, such as --set epochs=3, not '{pair}'")
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.training", description=__doc__)
    parser.add_argument("--dataset", required=True, metavar="VERSION", help="a published dataset version")
    parser.add_argument("--recipe", help=f"{', '.join(recipes())}, or the path of a TOML file [TRUEGRAIN_RECIPE]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a line of the recipe")
    parser.add_argument(
        "--processes", type=int, default=0, metavar="N", help="processes that share the work [one a GPU]"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
