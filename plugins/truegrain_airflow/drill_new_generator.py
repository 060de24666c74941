"""Implements the tasks of `drill_new_generator`: each is one step of the drill."""

from truegrain_airflow.environment import read_settings
from truegrain_airflow.forms import read


def prepare() -> str:
    """Set up the drill's own platform with a detector that does not know the generator; returns the drill's name."""
    from truegrain_drill import steps
    from truegrain_drill.plan import Plan

    plan = Plan(newcomer=read("generator") or Plan.newcomer, images=read("images") or Plan.images)
    return steps.prepare(read_settings(), plan)


def exercise(name: str) -> str:
    """Send images of the generator to the drill's platform and let the platform recover; returns the drill's name."""
    from truegrain_drill import steps

    steps.carry_out(read_settings(), name)
    return name


def report(name: str) -> str:
    """Write the post-mortem and return its page; raises TruegrainError, after writing, if a goal was missed."""
    from truegrain_drill import steps

    return str(steps.report(read_settings(), name))
