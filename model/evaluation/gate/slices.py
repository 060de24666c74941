"""The gate's veto of slices: no group of images may fall far, unless chance explains the fall."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from model.evaluation.gate.paired import Clusters, Paired, Rights
from model.evaluation.gate.policy import AgainstChampion
from model.evaluation.gate.rule import Rule, missing, percent, points

_SMALL: Final = "the small slices together"

_Members = tuple[int, ...]


def judge_slices(
    groups: Mapping[str, Sequence[str | None]],
    rights: tuple[Rights, Rights],
    clusters: Clusters,
    limits: AgainstChampion,
    *,
    who: str,
) -> Iterator[Rule]:
    """Refuse a loss of accuracy in a slice that is larger than the margin and than chance explains.

    1. The one-sided test is exact for any number of images, so noise in a small slice refuses no detector.
    2. Holm's correction (1979) over all distinct slices that are large enough to refuse a detector keeps the chance of
       a false refusal below `significance`. Slices of the same images count once.
    3. Small slices are also judged together, which shows a loss that is spread over many of them.
    """
    if not groups:
        yield missing(f"slices against the {who}", -limits.slice_margin, "groups of images")
    columns = {column: _find_members(values, limits.small_slice) for column, values in groups.items()}
    distinct = {members for slices in columns.values() for members in slices.values()}
    pairs = {members: _pair(members, rights, clusters) for members in distinct}
    fallen, level = _find_fallen(pairs, limits)
    for column, slices in columns.items():
        if slices:
            name = f"slices by {column} against the {who}"
            yield _slice(name, {value: pairs[held] for value, held in slices.items()}, level, limits, {
                value for value, held in slices.items() if held in fallen
            })  # fmt: skip


def _find_members(values: Sequence[str | None], small: int) -> dict[str, _Members]:
    members = defaultdict(list)
    for index, value in enumerate(values):
        if value is not None:
            members[value].append(index)
    little = [name for name, indices in members.items() if len(indices) < small]
    if len(little) > 1:
        members[_SMALL] = sorted(index for name in little for index in members[name])
    return {name: tuple(indices) for name, indices in members.items()}


def _pair(members: _Members, rights: tuple[Rights, Rights], clusters: Clusters) -> Paired:
    chosen = np.array(members)
    ours, theirs = rights
    return Paired.of(ours[chosen], theirs[chosen], clusters[chosen])


def _find_fallen(pairs: Mapping[_Members, Paired], limits: AgainstChampion) -> tuple[set[_Members], float]:
    """Return the slices that fell by more than the margin and chance, and the level that the first had to reach."""
    telling = _count_telling(pairs.values(), limits.significance)
    chances = {members: pair.chance_of_fall for members, pair in pairs.items() if pair.gain < 0}
    fallen = set()
    for place, members in enumerate(sorted(chances, key=lambda held: (chances[held], held))):
        if place >= telling or chances[members] * (telling - place) >= limits.significance:
            break
        fallen.add(members)
    beyond = {members for members in fallen if -pairs[members].gain > limits.slice_margin}
    return beyond, limits.significance / max(telling, 1)


def _count_telling(pairs: Iterable[Paired], significance: float) -> int:
    """Count the slices to allow for: not those of so few images that no result of theirs could count.

    Tarone, 1990, "A modified Bonferroni method for discrete data". Else a thousand slices of one image each, which
    whoever supplies images can make, would hide a fall in all others.
    """
    least = sorted(0.5**pair.clusters for pair in pairs)
    telling = (count for count in range(1, len(least)) if bisect_left(least, significance / count) <= count)
    return next(telling, len(least))


def _slice(
    name: str, slices: Mapping[str, Paired], level: float, limits: AgainstChampion, fallen: Iterable[str]
) -> Rule:
    def describe(value: str) -> str:
        pair = slices[value]
        chance = f"{percent(pair.chance_of_fall)} by chance"
        return f"{value} {points(pair.gain)} points ({pair.images} images, {pair.won} won, {pair.lost} lost, {chance})"

    worst = min(slices, key=lambda value: (slices[value].gain, value))
    told = sorted(fallen)
    detail = "fallen: " + "; ".join(map(describe, told)) if told else f"worst of {len(slices)}: {describe(worst)}"
    counts = f"a fall of more than {100 * limits.slice_margin:.2f} counts when its chance is below {percent(level)}"
    over = f"{percent(limits.significance)} over {round(limits.significance / level)} slices"
    return Rule(name, slices[worst].gain, -limits.slice_margin, not told, f"{detail}; {counts} ({over})")
