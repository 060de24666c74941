"""A detector's reference arrives unchanged, and no other file is accepted in its place."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from model.detectors.reference import MOST_IMAGES, choose_images, make_reference, pack_reference, unpack_reference
from model.detectors.traffic_sample import Reference, Sample
from model.errors import ArtifactError

IMAGES = 5


@pytest.fixture
def reference() -> Reference:
    sample = Sample(
        probability=np.linspace(0, 1, IMAGES),
        embedding=np.random.default_rng(0).normal(size=(IMAGES, 3)).astype(np.float16).astype(np.float32),
        width=np.arange(IMAGES) + 100,
        height=np.arange(IMAGES) + 200,
        bytes=np.arange(IMAGES) * 3_000_000_000,
        jpeg_quality=np.array([75, np.nan, 90, np.nan, 100]),
        format=np.array(["JPEG", "PNG", "JPEG", "WEBP", "JPEG"]),
    )
    return Reference(sample=sample, label=np.array([0, 1, 0, 1, 1], np.uint8))


def spoil(reference: Reference, **changes: object) -> bytes:
    file = io.BytesIO()
    arrays = vars(reference.sample) | {"label": reference.label} | changes
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return file.getvalue()


def test_more_images_than_training_chooses_are_refused() -> None:
    """A measurement of drift would not end."""
    images = MOST_IMAGES + 1
    columns = dict.fromkeys(("probability", "width", "height", "bytes", "jpeg_quality", "label"), np.ones(images))
    file = io.BytesIO()
    np.savez(file, **columns, format=np.full(images, "JPEG"))
    with pytest.raises(ArtifactError, match="the reference has 2,001 images, at most 2,000 are read"):
        unpack_reference(file.getvalue())


@pytest.mark.parametrize("seed", range(3))
def test_each_group_has_its_share_of_the_images_chosen(seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], [600, 300, 100]))
    chosen = choose_images(groups, most=100, seed=seed)
    assert len(set(chosen)) == 100
    assert (np.diff(chosen) > 0).all()
    assert np.abs(np.bincount(groups[chosen]) - [60, 30, 10]).max() <= 1


def test_chosen_images_are_drawn_from_all_of_a_group_and_always_the_same() -> None:
    groups = np.zeros(1000, int)
    chosen = choose_images(groups, most=100)
    assert np.bincount(chosen // 250, minlength=4).min() > 10
    assert (np.diff(chosen) != 10).any()
    np.testing.assert_array_equal(chosen, choose_images(groups, most=100))


def test_fewer_images_than_wanted_are_all_chosen() -> None:
    assert choose_images(np.array([1, 0, 1])).tolist() == [0, 1, 2]


def test_facts_that_a_manifest_lacks_are_no_numbers() -> None:
    files = pd.DataFrame(
        {
            "width": [10, 20],
            "height": [30, 40],
            "bytes": [50, 60],
            "jpeg_quality": pd.array([75, None], "Int16"),
            "format": ["JPEG", "PNG"],
        }
    )
    made = make_reference(files, label=np.float32([0, 1]), probability=np.float32([0.25, 0.75]), embedding=None)
    np.testing.assert_array_equal(made.sample.jpeg_quality, [75, np.nan])
    np.testing.assert_array_equal(unpack_reference(pack_reference(made)).sample.format, ["JPEG", "PNG"])
    assert made.label.tolist() == [0, 1]


def test_a_reference_survives_its_file(reference: Reference) -> None:
    found = unpack_reference(pack_reference(reference))
    np.testing.assert_array_equal(found.label, reference.label)
    for name, column in vars(reference.sample).items():
        read = getattr(found.sample, name)
        np.testing.assert_array_equal(read, column)
        assert read.dtype == column.dtype


def test_a_reference_without_embeddings_survives_its_file(reference: Reference) -> None:
    without = replace(reference, sample=replace(reference.sample, embedding=None))
    assert unpack_reference(pack_reference(without)).sample.embedding is None


def test_the_same_reference_gives_the_same_bytes(reference: Reference) -> None:
    assert pack_reference(reference) == pack_reference(replace(reference))


@pytest.mark.parametrize(
    "make",
    [
        lambda _: b"",
        lambda _: b"no archive",
        lambda reference: pack_reference(reference)[:200],
        lambda reference: spoil(reference, format=np.array([print] * IMAGES, dtype=object)),
        lambda reference: spoil(reference, width=np.array(["wide"] * IMAGES)),
        lambda reference: spoil(reference, height=None),
        lambda reference: spoil(reference, bytes=np.arange(IMAGES + 1)),
        lambda reference: spoil(reference, label=np.zeros(IMAGES + 1)),
    ],
)
def test_anything_else_is_refused(reference: Reference, make: Callable[[Reference], bytes]) -> None:
    with pytest.raises(ArtifactError, match="reference cannot be read"):
        unpack_reference(make(reference))
