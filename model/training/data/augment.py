"""Augments a batch of training images and their labels as the recipe says: moves, degrades and mixes them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from model.training.config import Augmentation
from model.training.data.draws import Luck, Of, between
from model.training.data.recompression import cut_out, ship

Pixels = NDArray[np.uint8]
"""[N, S, S, 3]"""
Labels = NDArray[np.float32]

_TONE: Final = (0.8, 1.25)
"""Range of the factors of brightness, contrast and saturation."""
_NOISE: Final = (1.0, 8.0)
"""Range of the standard deviation of the noise, in levels (0 to 255)."""
_LUMA: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_MIXUP_BETA: Final = 0.2
"""Alpha of MixUp's Beta distribution: most blends are close to one of the two images.

Zhang et al. 2018, arXiv 1710.09412."""
_SEEDS: Final = 2**24


def augment(pixels: Pixels, labels: Labels, luck: Luck, chances: Augmentation) -> tuple[Pixels, Labels]:
    """Augment images, each by its own row of `luck`, and mix neighbours (0 with 1, 2 with 3, …).

    Returns new arrays of pixels and labels. With `chances.paired` they are twice as long: all images without
    degradations, then all degraded.
    """
    plain = _place(pixels, luck, chances)
    degraded = _degrade(plain, luck, chances)
    views = (plain, degraded) if chances.paired else (degraded,)
    mixed = [_mix(view, labels, luck, chances) for view in views]
    return np.concatenate([view for view, _ in mixed]), np.concatenate([view for _, view in mixed])


def _place(pixels: Pixels, luck: Luck, chances: Augmentation) -> Pixels:
    """Mirror, shift and crop, in the same way for both views of an image."""
    pixels = _shift(pixels, luck, chances.shift)
    mirrored = luck[:, Of.MIRROR] < chances.mirror
    pixels[mirrored] = pixels[mirrored, :, ::-1]
    for index in np.flatnonzero(luck[:, Of.CROP] < chances.crop):
        pixels[index] = cut_out(pixels[index], luck[index])
    return pixels


def _degrade(pixels: Pixels, luck: Luck, chances: Augmentation) -> Pixels:
    """Change the tone, add noise, and recompress: changes that move nothing but disturb fine traces."""
    pixels = pixels.copy()
    toned = luck[:, Of.COLOUR] < chances.colour
    noisy = luck[:, Of.NOISE] < chances.noise
    pixels[toned] = _tone(pixels[toned], luck[toned])
    pixels[noisy] = _add_noise(pixels[noisy], luck[noisy])
    return ship(pixels, luck, chances)


def _shift(pixels: Pixels, luck: Luck, largest: float) -> Pixels:
    """Shift each image by its own offset; the uncovered border is filled with the mirrored image."""
    size = pixels.shape[1]
    margin = round(size * largest)
    padded = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))  # [N, 2m+1, 2m+1, 3, S, S]
    top, left = ((luck[:, of] * (2 * margin + 1)).astype(int) for of in (Of.TOP, Of.LEFT))
    shifted: Pixels = windows[np.arange(len(pixels)), top, left].transpose(0, 2, 3, 1).copy()
    return shifted


def _tone(pixels: Pixels, luck: Luck) -> Pixels:
    brightness, contrast, saturation = (
        between(*_TONE, luck[:, of])[:, None, None, None] for of in (Of.BRIGHTNESS, Of.CONTRAST, Of.SATURATION)
    )
    light = pixels * brightness
    middle = light.mean((1, 2, 3), keepdims=True)
    light = (light - middle) * contrast + middle
    grey = (light @ _LUMA)[..., None]
    return _to_pixels((light - grey) * saturation + grey)


def _add_noise(pixels: Pixels, luck: Luck) -> Pixels:
    noisy = pixels.astype(np.float32)
    for image, row in zip(noisy, luck, strict=True):
        random = np.random.default_rng(int(row[Of.NOISE_SEED] * _SEEDS))
        image += between(*_NOISE, row[Of.NOISE_STRENGTH]) * random.standard_normal(image.shape, dtype=np.float32)
    return _to_pixels(noisy)


def _mix(pixels: Pixels, labels: Labels, luck: Luck, chances: Augmentation) -> tuple[Pixels, Labels]:
    """Blend (MixUp) the two images of a pair, or swap a rectangle (CutMix, Yun et al. 2019, arXiv 1905.04899)."""
    if not (chances.mixup or chances.cutmix):
        return pixels, labels
    of_pair = luck[::2]
    blended = of_pair[:, Of.MIXUP] < chances.mixup
    patched = ~blended & (of_pair[:, Of.CUTMIX] < chances.cutmix)
    own = np.ones((len(of_pair), *pixels.shape[1:3]), dtype=np.float32)  # [pairs, S, S]: an image's own share
    own[blended] = betaincinv(_MIXUP_BETA, _MIXUP_BETA, of_pair[blended, Of.SHARE])[:, None, None]
    own[patched] = _outside_rectangle(of_pair[patched], pixels.shape[1])
    pairs, classes = pixels.reshape(-1, 2, *pixels.shape[1:]), labels.reshape(-1, 2)
    weight, share = own[:, None, :, :, None], own.mean((1, 2))[:, None]
    chosen = blended | patched
    mixed, shared = pairs.copy(), share * classes + (1 - share) * classes[:, ::-1]
    mixed[chosen] = _to_pixels(weight[chosen] * pairs[chosen] + (1 - weight[chosen]) * pairs[chosen, ::-1])
    return mixed.reshape(pixels.shape), shared.reshape(-1).astype(np.float32)


def _outside_rectangle(luck: Luck, size: int) -> NDArray[np.float32]:
    """Return masks [n, size, size]: 0 inside a random rectangle, 1 outside.

    The share of the rectangle is uniform in [0, 1), before the image's borders cut it off.
    """
    half = np.sqrt(luck[:, Of.SHARE]) * size / 2
    cells = np.arange(size) + 0.5
    rows = np.abs(cells - luck[:, Of.CUT_TOP, None] * size) < half[:, None]
    columns = np.abs(cells - luck[:, Of.CUT_LEFT, None] * size) < half[:, None]
    inside: NDArray[np.bool_] = rows[:, :, None] & columns[:, None, :]
    return (~inside).astype(np.float32)


def _to_pixels(light: NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    return pixels
