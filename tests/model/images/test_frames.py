"""Animations are told from pictures, in every format that has frames."""

import io

import numpy as np
import pytest
from PIL import Image

from model.images.decoding import load, open_image
from model.images.frames import has_more_frames


def draw(kind: str, frames: int) -> bytes:
    first, *others = (
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 48, 3), dtype=np.uint8))
        for seed in range(frames)
    )
    file = io.BytesIO()
    if others:
        first.save(file, kind, save_all=True, append_images=others)
    else:
        first.save(file, kind)
    return file.getvalue()


def ask(data: bytes) -> bool:
    header = open_image(data)
    told = has_more_frames(header, data)
    assert load(header).width == 48, "the picture can be decoded afterwards"
    return told


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_further_frames_are_told(kind: str) -> None:
    assert ask(draw(kind, 3))
    assert not ask(draw(kind, 1))


def test_the_further_pictures_of_a_telephone_are_no_frames() -> None:
    assert not ask(draw("MPO", 2))
    assert not ask(draw("JPEG", 1))


def test_a_gif_whose_second_frame_is_cut_off_has_one() -> None:
    whole = draw("GIF", 2)
    assert ask(whole[: len(whole) - 200])
