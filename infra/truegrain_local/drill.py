"""`make drill`: start what does not run yet, and let a generator loose that nobody has trained on."""

import os
import sys

from model.errors import TruegrainError
from truegrain_local.drill_run import run_drill
from truegrain_local.environment import read_settings
from truegrain_local.errors import explain
from truegrain_local.progress import Progress
from truegrain_local.start import bring_up


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
