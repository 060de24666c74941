import numpy as np
import pytest

from model.detectors.traffic_sample import Reference, Sample


def sample(rows: int, *, embedded: bool = True, heights: int | None = None) -> Sample:
    return Sample(
        probability=np.linspace(0, 1, rows),
        embedding=np.zeros((rows, 8), np.float32) if embedded else None,
        width=np.arange(rows),
        height=np.arange(rows if heights is None else heights),
        bytes=np.full(rows, 1000),
        jpeg_quality=np.full(rows, np.nan),
        format=np.full(rows, "PNG"),
    )


def test_taking_rows_takes_them_of_every_column() -> None:
    taken = sample(5).take(np.array([4, 0]))

    assert taken.width.tolist() == [4, 0]
    assert taken.embedding is not None
    assert [len(column) for column in vars(taken).values()] == [2] * 7


def test_a_detector_without_an_embedding_leaves_a_sample_without_one() -> None:
    assert sample(3, embedded=False).take(slice(1)).embedding is None


def test_a_sample_is_made_of_columns_in_any_type() -> None:
    made = Sample.of(
        {
            "probability": np.float32([0.25, 0.5]),
            "width": [1, 2],
            "height": np.int16([3, 4]),
            "bytes": [5, 6],
            "jpeg_quality": [90, None],
            "format": ["JPEG", "PNG"],
        }
    )
    assert made.embedding is None
    np.testing.assert_array_equal(made.jpeg_quality, [90, np.nan])
    kinds = [np.asarray(column).dtype.kind for name, column in vars(made).items() if name != "embedding"]
    assert "".join(kinds) == "fiiifU"


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"different lengths: \[2, 3\]"):
        sample(3, heights=2)


def test_labels_that_are_not_as_many_as_the_images_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels for 3 images"):
        Reference(sample=sample(3), label=np.zeros(2, np.uint8))
