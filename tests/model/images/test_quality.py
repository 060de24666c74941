"""Notes name what limits a verdict, and ordinary pictures have none."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from expectations.policy import Policy
from model.images.degradations import recode
from model.images.notes import CODES, Code, Note
from model.images.preprocess import Preprocess
from model.images.quality import (
    BLOCKIEST,
    CLEAN_QUALITY,
    LEAST_QUALITY,
    LEAST_SIDE,
    MOST_SIDE,
    SMOOTHEST,
    Picture,
    examine,
    measure_blocks,
    measure_detail,
)
from support.small_images import textured

SIZE = 64


def enlarged(image: Image.Image, *, side: int) -> Image.Image:
    return image.resize((side, side), Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)


def notes_on(image: Image.Image, *, jpeg_quality: int | None = None, animated: bool = False) -> list[Note]:
    picture = Picture(
        width=image.width,
        height=image.height,
        jpeg_quality=jpeg_quality,
        animated=animated,
        rgb=image,
        seen=Preprocess(SIZE)(image),
    )
    return list(examine(picture))


def codes(image: Image.Image, **facts: object) -> list[Code]:
    return [note.code for note in notes_on(image, **facts)]  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(256, 256), (384, 256), (SIZE, SIZE), (256, 384)])
def test_an_ordinary_picture_has_no_note(size: tuple[int, int]) -> None:
    assert notes_on(textured(*size), jpeg_quality=90) == []


@pytest.mark.parametrize("side", [12, 16, 20])
def test_an_enlarged_thumbnail_is_found_at_every_size_it_is_enlarged_to(side: int) -> None:
    for size in (SIZE, 200, 512):
        [note] = notes_on(enlarged(textured(size, size), side=side))
        assert (note.code, note.unsure) == ("enlarged", True)


def test_an_enlargement_that_the_detector_cannot_see_has_no_note() -> None:
    assert codes(enlarged(textured(512, 512), side=128)) == []


def test_a_picture_smaller_than_the_input_is_not_called_enlarged() -> None:
    assert codes(textured(SIZE // 2, SIZE // 2)) == []


def test_a_drawing_of_flat_colours_with_hard_edges_is_not_called_enlarged() -> None:
    levels = np.kron(np.random.default_rng(1).integers(0, 256, (8, 8)), np.ones((40, 40))).astype(np.uint8)
    drawing = Image.fromarray(levels).convert("RGB")
    assert codes(drawing) == []
    assert "enlarged" in codes(enlarged(drawing, side=10))


@pytest.mark.parametrize("side", [8, 16, 40])
def test_a_drawing_of_squares_is_not_called_compressed(side: int) -> None:
    levels = np.random.default_rng(side).integers(0, 256, (320 // side, 320 // side), dtype=np.uint8)
    assert codes(Image.fromarray(np.kron(levels, np.ones((side, side), np.uint8))).convert("RGB")) == []


@pytest.mark.parametrize(("quality", "found"), [(LEAST_QUALITY - 1, ["compressed"]), (LEAST_QUALITY, [])])
def test_the_quality_of_a_jpeg_tells_strong_compression(quality: int, found: list[Code]) -> None:
    assert codes(textured(256, 256), jpeg_quality=quality) == found


def test_blocks_of_an_earlier_compression_are_found_at_any_offset() -> None:
    squeezed = recode(textured(256, 256), format_="JPEG", quality=8)
    assert codes(squeezed) == ["compressed"]
    assert codes(squeezed.crop((3, 5, 251, 250))) == ["compressed"]
    assert codes(recode(squeezed, format_="JPEG", quality=90), jpeg_quality=90) == ["compressed"]


def test_blocks_that_a_jpeg_may_have_made_itself_are_not_noted() -> None:
    squeezed = recode(textured(256, 256), format_="JPEG", quality=8)
    assert codes(squeezed, jpeg_quality=CLEAN_QUALITY) == ["compressed"]
    assert codes(squeezed, jpeg_quality=CLEAN_QUALITY - 1) == []


def test_blocks_are_not_looked_for_in_a_picture_that_was_reduced_while_decoding() -> None:
    squeezed = recode(textured(256, 256), format_="JPEG", quality=8)
    picture = Picture(
        width=512, height=512, jpeg_quality=90, animated=False, rgb=squeezed, seen=Preprocess(SIZE)(squeezed)
    )
    assert examine(picture) == ()


@pytest.mark.parametrize("size", [(LEAST_SIDE - 1, 200), (200, LEAST_SIDE - 1)])
def test_fewer_pixels_than_training_takes_are_never_judged_with_certainty(size: tuple[int, int]) -> None:
    [note, *_] = notes_on(textured(*size))
    assert (note.code, note.unsure) == ("too_small", True)
    assert str(LEAST_SIDE) in note.detail


def test_the_smallest_picture_that_training_takes_is_not_too_small() -> None:
    assert codes(textured(LEAST_SIDE, LEAST_SIDE)) == []


@pytest.mark.parametrize("side", [1, 2, 8])
def test_icons_and_spacers_are_unsure_whatever_they_show(side: int) -> None:
    notes = notes_on(Image.new("RGB", (side, side), "white"))
    assert [note.code for note in notes] == ["too_small", "blank"]
    assert all(note.unsure for note in notes)


def test_a_longer_side_than_training_takes_is_not_judged_with_certainty() -> None:
    found = {note.code: note for note in notes_on(textured(MOST_SIDE + 2, 16))}
    assert found["outside_range"].unsure


def test_the_limits_of_the_sides_are_those_of_training() -> None:
    policy = Policy()
    assert (policy.min_side, policy.max_side) == (LEAST_SIDE, MOST_SIDE)


def test_a_picture_of_one_colour_gives_nothing_to_judge() -> None:
    assert codes(Image.new("RGB", (224, 224), "white")) == ["blank"]


@pytest.mark.parametrize(("size", "seen"), [((640, 360), "56 %"), ((360, 1440), "25 %")])
def test_a_long_picture_says_how_much_of_it_was_seen(size: tuple[int, int], seen: str) -> None:
    [note] = notes_on(textured(*size))
    assert (note.code, note.unsure) == ("centre_only", False)
    assert f"saw {seen} of" in note.detail


def test_an_animation_says_that_its_first_frame_was_judged() -> None:
    [note] = notes_on(textured(256, 256), animated=True)
    assert (note.code, note.unsure) == ("first_frame", False)


def test_every_note_has_a_known_code() -> None:
    every = notes_on(Image.new("RGB", (4, MOST_SIDE + 1)), jpeg_quality=1, animated=True)
    assert {note.code for note in every} < set(CODES)
    assert len(every) == 6


@pytest.mark.parametrize(
    ("draw", "detail"),
    [
        pytest.param(lambda y, x: 4 * x + 0 * y, 0.25, id="a ramp"),
        pytest.param(lambda y, x: 255 * (x // 8 % 2) + 0 * y, 0.5, id="hard edges"),
        pytest.param(lambda y, x: 255 * ((x + y) % 7 == 0), 1.0, id="single lines"),
        pytest.param(lambda y, x: 0 * x + 0 * y, 0.5, id="one colour"),
    ],
)
def test_detail_is_what_its_description_says(draw: Callable[..., NDArray[np.int_]], detail: float) -> None:
    levels = draw(*np.mgrid[:SIZE, :SIZE]).astype(np.uint8)
    assert measure_detail(np.stack([levels] * 3, axis=-1)) == pytest.approx(detail, abs=0.02)


def test_the_limits_lie_between_what_they_tell_apart() -> None:
    whole = textured(256, 256)
    assert (
        measure_detail(Preprocess(SIZE)(enlarged(whole, side=16))) < SMOOTHEST < measure_detail(Preprocess(SIZE)(whole))
    )
    file = io.BytesIO()
    whole.save(file, "JPEG", quality=8)
    assert measure_blocks(whole) < BLOCKIEST < measure_blocks(Image.open(file).convert("RGB"))
