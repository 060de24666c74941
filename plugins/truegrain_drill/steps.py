"""Implements the steps of `drill_new_generator`; each step leaves `drill.json` for the next one."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from model.drill.goals import goals, require_met
from model.drill.record import Drill
from model.errors import TruegrainError
from model.pages.drill_page import write_post_mortem
from model.settings import Settings
from truegrain_drill import exercise, lifecycle
from truegrain_drill.diary import Diary
from truegrain_drill.plan import Plan, folder_of, name_of, settings_of
from truegrain_drill.service import free_port

log = logging.getLogger("truegrain.drill")


def prepare(settings: Settings, plan: Plan) -> str:
    """Set up a separate platform with a detector that does not know the newcomer; return the drill's name.

    Raises TruegrainError if the gate refuses the detector.
    """
    name = name_of(plan.newcomer, datetime.now(UTC))
    own = settings_of(settings, name, port=free_port())
    version = lifecycle.ingest(own, plan.source)
    before = lifecycle.judge(own, lifecycle.train(own, version), version, reason="a drill begins")
    if not before.promoted:
        raise TruegrainError(f"the first detector did not pass the gate; use more images: {before.gate}")
    drill = Drill(
        id=name,
        began_at=datetime.now(UTC),
        newcomer=plan.newcomer,
        known=plan.known,
        model_name=own.model_name,
        before=before,
    )
    Diary(own.home, drill).note()
    return name


def carry_out(settings: Settings, name: str) -> None:
    """Send the newcomer's images to the drill's platform, and let the platform recover."""
    own = settings_of(settings, name, port=free_port())
    diary = Diary.open(own.home)
    exercise.run(Plan(newcomer=diary.drill.newcomer), own, diary)


def report(settings: Settings, name: str) -> Path:
    """Write the post-mortem and return its page; raises TruegrainError, after writing, if a goal was missed."""
    folder = folder_of(settings, name)
    drill = Diary.open(folder).drill
    page = write_post_mortem(drill, folder)
    for goal in goals(drill):
        log.info("%s", goal)
    log.info("the post-mortem is %s", page)
    require_met(drill)
    return page
