"""`make drill`: starts Truegrain if needed, and sends it images by a generator that nobody has trained on."""

import os
import sys

from model.errors import TruegrainError
from truegrain_local.drill_run import run_drill
from truegrain_local.environment import read_settings
from truegrain_local.errors import explain
from truegrain_local.progress import Progress
from truegrain_local.start import bring_up


def main() -> int:
    """Run the drill; return 0 when the platform met every goal, else 1 with the reason on stderr."""
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
