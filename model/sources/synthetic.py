"""Draws the built-in source: procedural still lifes, as photographs or as images of four families of generators.

Both classes show the same scenes through the same camera, because a generator has learnt from photographs and imitates
their noise and tone. Size, format and JPEG settings are drawn alike in both classes. Only the traces that the
generator's decoder leaves in the pixels reveal the label.
"""

import io
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Final, Self
from urllib.parse import parse_qsl

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from model.errors import SourceError
from model.labels import AI, CLASSES, REAL
from model.sources.entries import Entry, Facts, read_all
from model.sources.labelled_image import LabelledImage
from model.sources.studio.artefacts import FAMILIES, PATCH
from model.sources.studio.canvas import Canvas

NAME: Final = "synthetic"
LICENCE: Final = "Apache-2.0"
"""Licence of the images: the licence of the code that draws them."""

ORIGIN: Final = r"seed=\d+/size=\d+/\w+/\d{6,}\.jpg"
"""Pattern that the `origin` of a drawn image begins with, as `draw_image` writes it."""


_MOST: Final = 1_000_000
"""Most images of an order, beside those for the test split."""

_TEST_FROM: Final = _MOST
"""The number of the first image for the test split."""


class Order(BaseModel):
    """What to draw: how many images, from which seed, how large (side in pixels), by which generators.

    `test` images more are drawn for the test split alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int = Field(default=3000, ge=0, le=_MOST)
    test: int = Field(default=0, ge=0, le=_MOST)
    seed: int = Field(default=0, ge=0, lt=2**63)
    size: int = Field(default=64, ge=32, le=512, multiple_of=PATCH)
    generators: tuple[str, ...] = tuple(FAMILIES)

    @field_validator("generators", mode="before")
    @classmethod
    def _split_names(cls, names: object) -> object:
        return tuple(names.split(" ")) if isinstance(names, str) else names

    @field_validator("generators")
    @classmethod
    def _know_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in FAMILIES]
        if unknown or not names:
            raise ValueError(f"known generators are {', '.join(FAMILIES)}")
        return names

    @classmethod
    def parse(cls, query: str) -> Self:
        """Read an order such as 'images=600&seed=7&size=64&generators=checkerboard+nearest'; empty is the default.

        Raises SourceError naming the option and what is allowed.
        """
        try:
            return cls.model_validate(dict(parse_qsl(query, keep_blank_values=True)))
        except ValidationError as error:
            problems = "; ".join(
                f"{problem['loc'][0]}={problem['input']!r}: {problem['msg']}" for problem in error.errors()
            )
            raise SourceError(
                f"The order '{query}' to the synthetic source is not understood: {problems}. "
                f"Its options are {', '.join(cls.model_fields)}"
            ) from error


def is_built_in(location: str) -> bool:
    """Whether a location, such as 'synthetic?images=600', names the built-in source."""
    return location.partition("?")[0] == NAME


def list_drawn(order: Order) -> Iterator[Entry]:
    """List the images of an order; they are drawn each time, because the code that draws them may have changed."""
    return (
        Entry(f"{index}", partial(_draw, order, index), known=partial(_know, order, index))
        for index in chain(range(order.images), range(_TEST_FROM, _TEST_FROM + order.test))
    )


def draw_images(order: Order) -> Iterator[LabelledImage]:
    """Yield the images of an order; real and AI alternate, and so do the generators.

    Image i depends only on the seed, the size, the generators and i. So a longer order has the images of a shorter
    order.
    """
    return read_all(list_drawn(order))


def draw_image(order: Order, index: int) -> LabelledImage:
    """Draw one image of an order."""
    from model.sources.studio.camera import take_photograph
    from model.sources.studio.scenes import draw_scene

    rng = np.random.default_rng((order.seed, index))
    label, generator = _choose(order, index)
    picture = take_photograph(draw_scene(rng, size=order.size), rng)
    if generator is not None:
        picture = FAMILIES[generator](picture, rng, rng.uniform(0.45, 1.0))
    return LabelledImage(
        data=_encode(picture, rng),
        label=CLASSES[label],
        source=NAME,
        origin=f"seed={order.seed}/size={order.size}/{generator or CLASSES[REAL]}/{index:06d}.jpg",
        generator=generator,
        split=_split(index),
        licence=LICENCE,
    )


def _draw(order: Order, index: int) -> Iterator[LabelledImage]:
    yield draw_image(order, index)


def _know(order: Order, index: int) -> Iterator[Facts]:
    label, generator = _choose(order, index)
    yield Facts(CLASSES[label], split=_split(index), generator=generator)


def _split(index: int) -> str | None:
    return "test" if index >= _TEST_FROM else None


def _choose(order: Order, index: int) -> tuple[int, str | None]:
    label = (REAL, AI)[index % 2]
    return label, order.generators[index // 2 % len(order.generators)] if label == AI else None


def _encode(picture: Canvas, rng: np.random.Generator) -> bytes:
    """Save display values 0..1 as a JPEG with 4:4:4 or 4:2:0 chroma."""
    pixels = np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=int(rng.integers(82, 97)), subsampling=2 * int(rng.integers(2))
    )
    return buffer.getvalue()
