"""Promotion, rollback and repair: the functions that change which version is in production.

The history says what production has to be. The alias `production`, the alias `previous` and the deprecated stage follow
the history, in this order; then a mark is set in the history. If a process is killed in between, either it has changed
nothing, or the next promotion, rollback or repair finishes the change. If production differs although the mark is set,
somebody has moved production by hand, in MLflow's UI say. The move is respected, and becomes the next entry of the
history. The alias is the truth; the stage mirrors the alias for tools that still read stages.

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
"""What is unfinished or moved is looked at twice: a host that does not share our lock may just be at it."""
ATTEMPTS = 10
"""How often one who loses the race for the next entry of the history tries again."""

ADMITTED = (tags.PASSED, tags.OVERRIDDEN)
"""Values of the tag `gate` with which a version may go into production; others may only go back."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Wish:
    """What somebody wants in production, and how it is to get there."""

    how: How
    version: str


def promote(
    registry: Registry,
    version: str,
    *,
    reason: str,
    by: str = "",
    override: bool = False,
    judged_against: str | None = None,
    request: str = "",
) -> ModelVersion:
    """Put `version`, a number or an alias, into production and remember the one it replaces as 'previous'.

    The gate must have passed it, unless `override`, which the tag `gate` and the history then say. With
    `judged_against` (a version, "none" for nothing) it must still be that which is in production. `by` is who wants
    it, this process's user when empty. Promoting what is in production changes nothing. Killed half-way, the next
    promotion, rollback or repair completes it.

    A `request`, such as the id of a DAG run, is carried out once. A repeated call returns what is in production, so a
    task that is retried late does not undo a rollback.
    """
    choose = partial(choose_promotion, version=version, override=override, judged_against=judged_against)
    return _change(registry, choose, reason=reason, by=by, request=request)


def rollback(
    registry: Registry, *, reason: str, to: str | None = None, by: str = "", request: str = ""
) -> ModelVersion:
    """Put the version that was in production before, or `to`, back; 'previous' becomes what it replaces.

    `to` is a number or an alias. When the one before was deleted it is the one before that. Raises RegistryError when
    there is no such version, or when `to` neither was in production nor passed the gate. When it is in production
    already nothing changes.

    A `request`, such as the id of a DAG run, is carried out once. A repeated call finishes what an earlier call began,
    and returns what is in production.
    """
    return _change(registry, partial(choose_rollback, to=to), reason=reason, by=by, request=request)


def repair(registry: Registry) -> None:
    """Finish a change of production that was cut short, and write down one that was made by hand in MLflow."""
    with registry.locked():
        _mend(registry)


def _change(
    registry: Registry, choose: Callable[[RegistryState], Wish], *, reason: str, by: str, request: str = ""
) -> ModelVersion:
    """Bring into production what `choose` wishes for, once all that was left behind is mended; return the version.

    Changes nothing when that is in production, or when the history holds a change for `request`: then it returns what
    is in production now. Raises what `choose` raises.
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
    raise RegistryError("others without our lock keep changing production: find out who does, and try again")


def choose_promotion(scene: RegistryState, version: str, *, override: bool, judged_against: str | None) -> Wish:
    """Wish for `version`, a number or an alias; RegistryError when it may not go into production.

    `judged_against` is the version that has to be in production still, NOTHING for none, None for any.
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
    if gate not in ADMITTED and not override:
        raise RegistryError(
            f"version {version} may not be promoted: the gate says '{gate or 'not decided'}', not 'passed'. To promote"
            f" it all the same: `python -m model.registry promote {version} --override --reason <why>`"
        )
    if scene.stages[version] == ARCHIVED and not scene.history.has_served(version):
        raise RegistryError(f"version {version} was archived by hand: give it the stage 'None' again to promote it")
    return Wish("promotion" if gate == tags.PASSED else "override", version)


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


def _mend(registry: Registry) -> RegistryState:
    """Do what `repair` promises, under the lock; return what is so then, without versions for a model not there."""
    scene = look(registry)
    if scene.at_rest:
        return scene
    time.sleep(SECOND_LOOK_SECONDS)
    for _ in range(ATTEMPTS):
        scene = look(registry)
        if scene.at_rest:
            return scene
        _mend_one(registry, scene)
    raise RegistryError("others without our lock keep changing production: find out who does, and try again")


def _mend_one(registry: Registry, scene: RegistryState) -> None:
    history, moved = scene.history, scene.moved_by_hand
    if not history.done and scene.can_be_finished:
        log.warning("finishing a change of production that was cut short", number=len(history.changes))
        _carry_out(registry, scene, history)
    elif not history.done:  # what is in production since is found, and written down, at the next look
        histories.mark_done(registry, history)
    elif moved is not None:
        what, version = moved
        log.warning("production was moved by hand", before=history.production, now=version)
        following = history.follow("by hand", version, reason=f"{what} moved in MLflow", by="unknown")
        if not history.changes:  # what was there before the history: 'previous' is where a rollback has to go
            following = dataclasses.replace(following, from_version=scene.aliases.get(PREVIOUS))
        _record(registry, scene, following)
    else:
        _follow(registry, scene, history)


def _record(registry: Registry, scene: RegistryState, following: Change) -> bool:
    """Write a change into the history and carry it out; False when somebody else's came first."""
    history = scene.history if scene.history.run_id else histories.begin(registry)
    if not histories.append(registry, history, following):
        return False
    _carry_out(registry, scene, history.extended(following))
    return True


def _carry_out(registry: Registry, scene: RegistryState, history: History) -> None:
    """Let aliases, stage and tags follow the history, and what others have added to it meanwhile."""
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
    """Show on the versions themselves why they were promoted, or rolled back from."""
    back = change.how == "rollback"
    if change.to_version is not None:
        reason = f"rollback: {change.reason}" if back else change.reason
        gate = {tags.GATE: tags.OVERRIDDEN} if change.how == "override" else {}
        registry.tag(change.to_version, {tags.PROMOTION_REASON: reason, tags.PROMOTED_AT: change.at} | gate)
    if back and change.from_version is not None and change.from_version in scene.stages:
        registry.tag(change.from_version, {tags.ROLLBACK_REASON: change.reason, tags.ROLLED_BACK_AT: change.at})
