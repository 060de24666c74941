"""The training data are described in one sentence."""

from dataclasses import replace

import pytest

from model.detectors.training_data import TrainingData

DATA = TrainingData(
    real=6120,
    ai=5750,
    sources={"shop": 11870},
    generators={"flux": 4000, "sdxl": 1750},
    formats={"PNG": 1000, "JPEG": 10870},
    shorter=(256, 1024),
    longer=(300, 2048),
    demonstration=False,
)


def test_the_sentence_names_counts_generators_formats_and_sizes() -> None:
    assert DATA.describe() == (
        "6,120 real and 5,750 AI-generated images, by flux, sdxl; JPEG, PNG, 256 to 2,048 px a side"
    )


def test_many_generators_are_counted_after_the_most_frequent() -> None:
    many = replace(DATA, generators={f"g{number}": 10 - number for number in range(8)})
    assert ", by g0, g1, g2, g3, g4 and 3 more; " in many.describe()


def test_unknown_generators_are_not_named() -> None:
    assert replace(DATA, generators={}).describe().startswith("6,120 real and 5,750 AI-generated images; ")


@pytest.mark.parametrize(("sides", "words"), [((64, 64), "64 px a side"), ((32, 64), "32 to 64 px a side")])
def test_a_demonstration_says_that_its_pictures_are_drawn(sides: tuple[int, int], words: str) -> None:
    data = replace(DATA, real=1500, ai=1050, shorter=sides, longer=sides, demonstration=True)
    assert data.describe() == f"2,550 drawn pictures, {words}"
