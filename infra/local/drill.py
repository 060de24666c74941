"""`make drill`: run the exercise with a generator that nobody has seen, and say how it went."""

import os
import sys
from pathlib import Path

from launcher.environment import read_settings
from launcher.errors import explain
from launcher.loop import run_dag
from launcher.progress import Progress
from launcher.stack import bring_up
from model.drill import Drill
from model.drill_outcome import goals
from model.errors import TruegrainError
from model.settings import Settings

DAG = "drill_new_generator"


def main() -> int:
    """Return 0 when the platform has met every goal; explain on stderr what failed and return 1 otherwise."""
    progress = Progress(sys.stdout)
    try:
        settings = read_settings(os.environ)
        _drill(settings, sys.argv[1], progress)
    except TruegrainError as error:
        explain(error)
        return 1
    except KeyboardInterrupt:
        progress.say("interrupted; the drill goes on, `make down` stops it")
        return 130
    return 0


def _drill(settings: Settings, generator: str, progress: Progress) -> None:
    api = bring_up(settings, progress)
    before = _folders(settings)
    try:
        run_dag(api, DAG, {"generator": generator}, settings, progress)
    finally:
        for folder in _folders(settings) - before:
            _report(folder)


def _folders(settings: Settings) -> set[Path]:
    """Return the folders of all drills that came as far as a post-mortem."""
    return {page.parent for page in (settings.home / "drills").glob("*/post-mortem.html")}


def _report(folder: Path) -> None:
    drill = Drill.from_json((folder / "drill.json").read_bytes())
    lines = [f"\nDrill {drill.id}", *(f"  {goal}" for goal in goals(drill))]
    lines += [f"  post-mortem  {folder / name}" for name in ("post-mortem.html", "post-mortem.md")]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
