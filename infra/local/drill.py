"""`make drill`: start what does not run yet, and let a generator loose that nobody has trained on."""

import os
import sys

from launcher.drill import run_drill
from launcher.environment import read_settings
from launcher.errors import explain
from launcher.progress import Progress
from launcher.stack import bring_up
from model.errors import TruegrainError


def main() -> int:
    """Return 0 when the platform met every goal of the drill; explain on stderr what failed and return 1 otherwise."""
    progress = Progress(sys.stdout)
    try:
        settings = read_settings(os.environ)
        progress.say(f"a drill with '{sys.argv[1]}' in {settings.home}")
        run_drill(bring_up(settings, progress), sys.argv[1], settings, progress)
    except TruegrainError as error:
        explain(error)
        return 1
    except KeyboardInterrupt:
        progress.say("interrupted; the drill goes on, `make down` stops it")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
