"""Runs the drill as a DAG, follows it, and shows its results."""

from pathlib import Path

from model.drill.goals import goals
from model.drill.record import Drill
from model.pages.drill_page import MARKDOWN, PAGE
from model.settings import Settings
from truegrain_local.airflow_api import AirflowApi
from truegrain_local.first_run import run_dag
from truegrain_local.progress import Progress

DAG = "drill_new_generator"


def run_drill(api: AirflowApi, generator: str, settings: Settings, progress: Progress) -> None:
    """Run a drill to its end, and show its results and the path of its post-mortem, whether it passed or not.

    Raises LaunchError, as `follow` does, when the drill failed or was not completed.
    """
    before = _told(settings)
    try:
        run_dag(api, DAG, {"generator": generator}, settings, progress)
    finally:
        for folder in _told(settings) - before:
            _show(folder, progress)


def _told(settings: Settings) -> set[Path]:
    """Return the folders of all drills that have a post-mortem."""
    return {page.parent for page in (settings.home / "drills").glob(f"*/{PAGE}")}


def _show(folder: Path, progress: Progress) -> None:
    drill = Drill.from_json((folder / "drill.json").read_bytes())
    for goal in goals(drill):
        progress.say(f"  {goal}")
    for name in (PAGE, MARKDOWN):
        progress.say(f"the post-mortem is {folder / name}")
