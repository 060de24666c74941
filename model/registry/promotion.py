"""Promotion, rollback and repair: the functions that change which version is in production.

The history says what production has to be. The alias `production`, the alias `previous` and the deprecated stage follow
the history, in this order; then a mark is set in the history. If a process is killed in between, either it has changed
nothing, or the next promotion, rollback or repair finishes the change. If production differs although the mark is set,
somebody has moved production by hand, for example in MLflow's UI. The move is respected, and becomes the next entry of
the history. The alias decides; the stage mirrors the alias for tools that still read stages.

Promoters on one host, or on hosts that open the same lock file, come one after the other. Without a common lock the
history is still one line without gaps, and production ends as the last entry says. There is one exception: a host that
stalls in the middle of a change, and dies before it looks again, can move production late. The late move is then found
and recorded like a move by hand.
"""

import dataclasses
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from model.errors import RegistryError
from model.registry import PREVIOUS, PRODUCTION, ModelVersion, Registry
from model.registry import history as histories
from model.registry import version_tags as tags
from model.registry.client import upsert
from model.registry.history import Change, History, How
from model.registry.state import ARCHIVED, STAGE, RegistryState, look

SECOND_LOOK_SECONDS = 1.0
"""Pause before a second look at an unfinished or moved change: a host without our lock may be at work on the change."""
ATTEMPTS = 10
"""How often a promoter that loses the race for the next entry of the history tries again."""

ADMITTED = (tags.PASSED, tags.OVERRIDDEN)
"""Values of the tag `gate` with which a version may be promoted.

Other versions can only be rolled back to, if they were in production before.
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Wish:
    """A version that is wanted in production, and the kind of change that brings it there."""

    how: How
    version: str


def promote(
    registry: Registry,
    version: str,
    *,
    reason: str,
    by: str = "",
    override: bool = False,
    approved: bool = False,
    judged_against: str | None = None,
    request: str = "",
) -> ModelVersion:
    """Put `version`, a number or an alias, into production; the version that it replaces becomes 'previous'.

    1. If `version` is already in production, nothing changes.
    2. `judged_against` is a version, or "none" for nothing. If given, it must still be in production.
    3. The gate must have passed `version`. With `override` this rule does not apply, and the tag `gate` and the history
       record the override. If the gate asked a person, `approved` says that the person has agreed.
    4. If the process is killed half-way, the next promotion, rollback or repair completes the change.
    5. A `request`, such as the id of a DAG run, is carried out once. A repeated call returns the version in production.
       So a task that is retried late does not undo a rollback.

    `by` names who asks, and is this process's user if empty. Raises RegistryError if `version` may not be promoted.
    """
    choose = partial(
        choose_promotion, version=version, override=override, approved=approved, judged_against=judged_against
    )
    return _change(registry, choose, reason=reason, by=by, request=request)


def rollback(
    registry: Registry, *, reason: str, to: str | None = None, by: str = "", request: str = ""
) -> ModelVersion:
    """Put the previous version, or `to`, back into production; the version that it replaces becomes 'previous'.

    `to` is a number or an alias. If the previous version was deleted, the version before it is taken. Raises
    RegistryError if there is no such version, or if `to` was never in production. Otherwise a rollback could replace
    the approval that a promotion needs. If the version is already in production, nothing changes.

    A `request`, such as the id of a DAG run, is carried out once. A repeated call finishes what an earlier call began,
    and returns the version in production.
    """
    return _change(registry, partial(choose_rollback, to=to), reason=reason, by=by, request=request)


def repair(registry: Registry) -> None:
    """Finish an interrupted change of production, and record a change that was made by hand in MLflow."""
    with registry.locked():
        _mend(registry)


def _change(
    registry: Registry, choose: Callable[[RegistryState], Wish], *, reason: str, by: str, request: str = ""
) -> ModelVersion:
    """Repair production, then put the version into production that `choose` returns; return the version.

    Changes nothing if the version is in production, or if the history holds a change for `request`. Then the version in
    production is returned. Raises what `choose` raises.
    """
    with registry.locked():
        for _ in range(ATTEMPTS):
            scene = _mend(registry)
            if scene.production is not None and scene.history.has_carried_out(request):
                log.info("production was changed for this request before", request=request, stays=scene.production)
                return registry.require(scene.production)
            wish = choose(scene)
            if scene.production == wish.version:
                return registry.require(wish.version)
            following = scene.history.follow(wish.how, wish.version, reason=reason, by=by, request=request)
            if _record(registry, scene, following):
                return registry.require(wish.version)
    raise RegistryError("processes without our lock keep changing production: find and stop them, and try again")


def choose_promotion(
    scene: RegistryState, version: str, *, override: bool, judged_against: str | None, approved: bool = False
) -> Wish:
    """Choose `version`, a number or an alias; raises RegistryError if the version may not go into production.

    `judged_against` is the version that must still be in production. NOTHING means no version, None any.
    """
    version = scene.require(version)
    if scene.production == version:
        return Wish("promotion", version)
    champion = scene.production or tags.NOTHING
    if judged_against not in (None, champion):
        raise RegistryError(
            f"version {version} was judged against {judged_against}, but {champion} is in production"
            " now: clear the task that evaluates it, so that it is judged again"
        )
    gate = scene.gates[version]
    admitted = (*ADMITTED, tags.ASKED) if approved else ADMITTED
    if gate not in admitted and not override:
        raise RegistryError(
            f"version {version} may not be promoted: the gate says '{gate or 'not decided'}', not 'passed'. To promote"
            f" it all the same: `python -m model.registry promote {version} --override --reason <why>`"
        )
    if scene.stages[version] == ARCHIVED and not scene.history.has_served(version):
        raise RegistryError(f"version {version} was archived by hand: give it the stage 'None' again to promote it")
    return Wish("promotion" if gate in admitted and gate != tags.OVERRIDDEN else "override", version)


def choose_rollback(scene: RegistryState, to: str | None) -> Wish:
    """Choose the previous version, or `to`; raises RegistryError if the version may not go back into production."""
    wanted = to or scene.previous
    if wanted is None:
        raise RegistryError(f"there is no version to go back to: {scene}")
    version = scene.require(wanted)
    if not scene.history.has_served(version):
        raise RegistryError(
            f"version {version} was never in production, and a rollback goes back to what was. Promote it instead:"
            f" `python -m model.registry promote {version} --reason <why>`"
        )
    return Wish("rollback", version)


def _mend(registry: Registry) -> RegistryState:
    """Repair production, under the lock; return the state afterwards, which is empty if there is no such model."""
    scene = look(registry)
    if scene.at_rest:
        return scene
    time.sleep(SECOND_LOOK_SECONDS)
    for _ in range(ATTEMPTS):
        scene = look(registry)
        if scene.at_rest:
            return scene
        _mend_one(registry, scene)
    raise RegistryError("processes without our lock keep changing production: find and stop them, and try again")


def _mend_one(registry: Registry, scene: RegistryState) -> None:
    history, moved = scene.history, scene.moved_by_hand
    if not history.done and scene.can_be_finished:
        log.warning("finishing a change of production that was cut short", number=len(history.changes))
        _carry_out(registry, scene, history)
    elif not history.done:  # the next look finds and records what is in production instead
        histories.mark_done(registry, history)
    elif moved is not None:
        what, version = moved
        log.warning("production was moved by hand", before=history.production, now=version)
        following = history.follow("by hand", version, reason=f"{what} moved in MLflow", by="unknown")
        if not history.changes:  # the first change: a rollback has to go to what 'previous' named
            following = dataclasses.replace(following, from_version=scene.aliases.get(PREVIOUS))
        _record(registry, scene, following)
    else:
        _follow(registry, scene, history)


def _record(registry: Registry, scene: RegistryState, following: Change) -> bool:
    """Write a change into the history and carry it out; False if another process wrote a change first."""
    history = scene.history if scene.history.run_id else histories.begin(registry)
    if not histories.append(registry, history, following):
        return False
    _carry_out(registry, scene, history.extended(following))
    return True


def _carry_out(registry: Registry, scene: RegistryState, history: History) -> None:
    """Set aliases, stage and tags to the last change, also to changes that other processes add meanwhile."""
    while True:
        _follow(registry, scene, history)
        latest = histories.read(registry, history.run_id)
        if latest is None or latest.changes == history.changes:
            break
        history = latest
    _tag(registry, scene, history.changes[-1])
    histories.mark_done(registry, history)


def _follow(registry: Registry, scene: RegistryState, history: History) -> None:
    client, name = registry.client, registry.model_name
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


def _tag(registry: Registry, scene: RegistryState, change: Change) -> None:
    """Tag the versions with the reason and the time of a promotion or rollback."""
    back = change.how == "rollback"
    if change.to_version is not None:
        reason = f"rollback: {change.reason}" if back else change.reason
        outcomes = {"override": tags.OVERRIDDEN, "promotion": tags.PASSED}  # a question to a person was answered
        gate = {tags.GATE: outcomes[change.how]} if change.how in outcomes else {}
        registry.tag(change.to_version, {tags.PROMOTION_REASON: reason, tags.PROMOTED_AT: change.at} | gate)
    if back and change.from_version is not None and change.from_version in scene.stages:
        registry.tag(change.from_version, {tags.ROLLBACK_REASON: change.reason, tags.ROLLED_BACK_AT: change.at})
