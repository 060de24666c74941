"""The images that an epoch shows, in their order: each image once, or classes and generators alike often."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_DRAWS: Final = 5
"""How often a balanced epoch shows an image at most: more would be learning a handful of images by heart."""

Order = NDArray[np.int64]


def draw_order(groups: Order, *, balanced: bool, random: np.random.Generator) -> Order:
    """Return the images of an epoch, as indices into `groups` [N]; group 0 is that of the real images.

    Each image once, in random order; or, if `balanced`, as many draws as there are images. One half of the draws is of
    real images, the other half is shared out alike among the generators. A group too small for its share is shown whole
    several times, at most MOST_DRAWS times. Draws that such a group leaves over go to the other generators, or are left
    out. A group too large shows a part, another one in each epoch. The number of draws is the same in each epoch.
    """
    if not balanced:
        return random.permutation(len(groups))
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
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
    """Share draws out alike, from the smallest group on, so that what one cannot take falls to those after it."""
    shares = [0] * len(sizes)
    for place, group in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        shares[group] = min(draws // (len(sizes) - place), MOST_DRAWS * sizes[group])
        draws -= shares[group]
    return shares


def _draw(own: Order, count: int, random: np.random.Generator) -> Order:
    rounds = [random.permutation(own) for _ in range(-(-count // len(own)))]
    return np.concatenate([own[:0], *rounds])[:count]
