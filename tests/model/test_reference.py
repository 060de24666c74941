"""What travels with a detector arrives as it was, and nothing else is taken for it."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from model.errors import ArtifactError
from model.reference import pack_reference, unpack_reference
from model.sample import Reference, Sample

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
