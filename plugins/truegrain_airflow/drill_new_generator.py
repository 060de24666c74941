"""What each task of `drill_new_generator` does: a step of the drill, with what the form says."""

from truegrain_airflow.environment import read_settings
from truegrain_airflow.forms import read


def prepare() -> str:
    """Put a detector into production on a platform of its own that does not know the generator; returns the drill."""
    from truegrain_drill import steps
    from truegrain_drill.plan import Plan

    plan = Plan(newcomer=read("generator") or Plan.newcomer, images=read("images") or Plan.images)
    return steps.prepare(read_settings(), plan)


def exercise(name: str) -> str:
    """Let the generator loose on the drill's platform, and let the platform recover; returns the drill."""
    from truegrain_drill import steps

    steps.carry_out(read_settings(), name)
    return name


def report(name: str) -> str:
    """Write the post-mortem and return its page; raises TruegrainError, after writing, when a goal was not met."""
    from truegrain_drill import steps

    return str(steps.report(read_settings(), name))
