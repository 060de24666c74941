"""Draws the images of an epoch: each image once, or classes and generators equally often."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_DRAWS: Final = 5
"""How often a balanced epoch may show the same image. More would make the network memorise a few images."""

Order = NDArray[np.int64]


def draw_order(groups: Order, *, balanced: bool, random: np.random.Generator) -> Order:
    """Return the images of an epoch in random order, as indices into `groups` [N]; group 0 is the real images.

    Without `balanced` each image is drawn once. With `balanced`:

    1. There are as many draws as images: one half for real images, one half for AI images.
    2. The generators get equal shares of the half for AI images.
    3. A group smaller than its share is repeated, each image at most MOST_DRAWS times.
    4. Draws that a small group cannot use go to larger groups of its half, or are left out.
    5. A group larger than its share shows a random part, drawn anew in each epoch.
    6. The number of draws is the same in each epoch.
    """
    if not balanced:
        return random.permutation(len(groups))
    _, first = np.unique(groups[by_group := np.argsort(groups, kind="stable")], return_index=True)
    members = np.split(by_group, first[1:])
    real = [own for own in members if groups[own[0]] == 0]
    generated = [own for own in members if groups[own[0]] != 0]
    half = len(groups) // (bool(real) + bool(generated))
    drawn = [
        _draw(own, share, random)
        for kind in (real, generated)
        for own, share in zip(kind, _share_out(half, [len(own) for own in kind]), strict=True)
    ]
    return random.permutation(np.concatenate(drawn))


def _share_out(draws: int, sizes: list[int]) -> list[int]:
    """Split draws equally, smallest group first; draws that a group cannot use go to the larger groups."""
    shares = [0] * len(sizes)
    for place, group in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        shares[group] = min(draws // (len(sizes) - place), MOST_DRAWS * sizes[group])
        draws -= shares[group]
    return shares


def _draw(own: Order, count: int, random: np.random.Generator) -> Order:
    rounds = [random.permutation(own) for _ in range(-(-count // len(own)))]
    return np.concatenate([own[:0], *rounds])[:count]
