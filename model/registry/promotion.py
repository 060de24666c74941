"""Promotion: what moves production from one version to another, and finishes or writes down what others left behind.

The history says what production has to be; the alias `production`, the alias `previous` and the deprecated stage follow
it, in this order, and a mark in the history says that they have. Whoever is killed in between has either changed
nothing or is finished by the next who calls `mend`. What differs although the mark is there was moved by hand, in
MLflow's UI say: that is respected, and becomes the next entry of the history.
"""

import dataclasses
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from model.errors import RegistryError
from model.registry import history as histories
from model.registry.client import Connection, upsert
from model.registry.history import Change, History, How
from model.registry.state import ARCHIVED, STAGE, RegistryState, look
from model.registry.versions import PREVIOUS, PRODUCTION, tag

SECOND_LOOK_SECONDS = 1.0
"""What is unfinished or moved is looked at twice: a host that does not share our lock may just be at it."""
ATTEMPTS = 10
"""How often one who loses the race for the next entry of the history tries again."""

PASSED, OVERRIDDEN, FAILED = "passed", "overridden", "failed"
"""Values of the tag `gate` of a version."""
ADMITTED = (PASSED, OVERRIDDEN)
"""Those with which a version may go into production; others may only go back."""
NOTHING = "none"
"""What a version was judged against when nothing was in production."""

log = logging.getLogger("truegrain.promotion")


@dataclass(frozen=True)
class Wish:
    """What somebody wants in production, and how it is to get there."""

    how: How
    version: str


def change(connection: Connection, choose: Callable[[RegistryState], Wish], *, reason: str, by: str) -> str:
    """Bring into production what `choose` wishes for, once all that was left behind is mended; return the version.

    Changes nothing when that is in production. Raises what `choose` raises.
    """
    with connection.locked():
        for _ in range(ATTEMPTS):
            scene = mend(connection)
            wish = choose(scene)
            if scene.production == wish.version:
                return wish.version
            following = scene.history.follow(wish.how, wish.version, reason=reason, by=by)
            if _record(connection, scene, following):
                return wish.version
    raise RegistryError("others without our lock keep changing production: find out who does, and try again")


def choose_promotion(scene: RegistryState, version: str, *, override: bool, judged_against: str | None) -> Wish:
    """Wish for `version`, a number or an alias; RegistryError when it may not go into production.

    `judged_against` is the version that has to be in production still, NOTHING for none, None for any.
    """
    version = scene.require(version)
    if scene.production == version:
        return Wish("promotion", version)
    if judged_against not in (None, scene.production or NOTHING):
        raise RegistryError(
            f"version {version} was judged against {judged_against}, but {scene.production or NOTHING} is in production"
            " now: clear the task that evaluates it, so that it is judged again"
        )
    gate = scene.gates[version]
    if gate not in ADMITTED and not override:
        raise RegistryError(
            f"version {version} may not be promoted: the gate says '{gate or 'not decided'}', not 'passed'. To promote"
            f" it all the same: `python -m model.registry promote {version} --override --reason <why>`"
        )
    if scene.stages[version] == ARCHIVED and not scene.history.has_served(version):
        raise RegistryError(f"version {version} was archived by hand: give it the stage 'None' again to promote it")
    return Wish("promotion" if gate == PASSED else "override", version)


def choose_rollback(scene: RegistryState, to: str | None) -> Wish:
    """Wish for the version that was in production before, or for `to`, which must have been or have passed the gate."""
    wanted = to or scene.previous
    if wanted is None:
        raise RegistryError(f"there is no version to go back to: {scene}")
    version = scene.require(wanted)
    if not scene.history.has_served(version) and scene.gates[version] not in ADMITTED:
        gate = scene.gates[version] or "not decided"
        raise RegistryError(f"version {version} was never in production, and the gate says '{gate}', not 'passed'")
    return Wish("rollback", version)


def mend(connection: Connection) -> RegistryState:
    """Finish a change that was cut short and record one that was made by hand; return what is so then.

    Call it under the lock. A scene without versions is that of a model that does not exist.
    """
    scene = look(connection)
    if scene.at_rest:
        return scene
    time.sleep(SECOND_LOOK_SECONDS)
    for _ in range(ATTEMPTS):
        scene = look(connection)
        if scene.at_rest:
            return scene
        _mend_one(connection, scene)
    raise RegistryError("others without our lock keep changing production: find out who does, and try again")


def _mend_one(connection: Connection, scene: RegistryState) -> None:
    history, moved = scene.history, scene.moved_by_hand
    if not history.done and scene.can_be_finished:
        log.warning("finishing change %s of production, which was cut short", len(history.changes))
        _carry_out(connection, scene, history)
    elif not history.done:  # what is in production since is found, and written down, at the next look
        histories.mark_done(connection.client, history)
    elif moved is not None:
        what, version = moved
        log.warning("production was moved from %s to %s by hand", history.production, version)
        following = history.follow("by hand", version, reason=f"{what} moved in MLflow", by="unknown")
        if not history.changes:  # what was there before the history: 'previous' is where a rollback has to go
            following = dataclasses.replace(following, from_version=scene.aliases.get(PREVIOUS))
        _record(connection, scene, following)
    else:
        _follow(connection, scene, history)


def _record(connection: Connection, scene: RegistryState, following: Change) -> bool:
    """Write a change into the history and carry it out; False when somebody else's came first."""
    history = scene.history if scene.history.run_id else histories.begin(connection)
    if not histories.append(connection.client, history, following):
        return False
    _carry_out(connection, scene, history.extended(following))
    return True


def _carry_out(connection: Connection, scene: RegistryState, history: History) -> None:
    """Let aliases, stage and tags follow the history, and what others have added to it meanwhile."""
    while True:
        _follow(connection, scene, history)
        latest = histories.read(connection.client, history.run_id)
        if latest is None or latest.changes == history.changes:
            break
        history = latest
    _tag(connection, scene, history.changes[-1])
    histories.mark_done(connection.client, history)


def _follow(connection: Connection, scene: RegistryState, history: History) -> None:
    client, name = connection.client, connection.model_name
    version, previous = history.production, history.previous(scene.stages)
    if version is not None:
        upsert(partial(client.set_registered_model_alias, name, PRODUCTION, version))
    if previous is not None:
        upsert(partial(client.set_registered_model_alias, name, PREVIOUS, previous))
    elif PREVIOUS in scene.aliases:
        client.delete_registered_model_alias(name, PREVIOUS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated; we mirror them on purpose
        if version is not None:
            client.transition_model_version_stage(name, version, STAGE, archive_existing_versions=True)
        else:
            for staged in scene.staged:
                client.transition_model_version_stage(name, staged, ARCHIVED)


def _tag(connection: Connection, scene: RegistryState, change: Change) -> None:
    """Show on the versions themselves why they were promoted, or rolled back from."""
    back = change.how == "rollback"
    if change.to_version is not None:
        reason = f"rollback: {change.reason}" if back else change.reason
        gate = {"gate": OVERRIDDEN} if change.how == "override" else {}
        tag(connection, change.to_version, {"promotion_reason": reason, "promoted_at": change.at} | gate)
    if back and change.from_version is not None and change.from_version in scene.stages:
        tag(connection, change.from_version, {"rollback_reason": change.reason, "rolled_back_at": change.at})
