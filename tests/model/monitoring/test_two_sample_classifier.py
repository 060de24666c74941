import numpy as np
import pytest
from numpy.typing import NDArray

from model.monitoring.two_sample_classifier import Apart, tell_apart

AXES = 8
Embedding = NDArray[np.float64]


def around(centre: float, rows: int, *, seed: int) -> Embedding:
    """Rows that lie around `centre` on the first axis."""
    rows_ = np.random.default_rng(seed).normal(size=(rows, AXES))
    rows_[:, 0] += centre
    return rows_


def apart(reference: Embedding, recent: Embedding) -> Apart:
    return tell_apart(reference, recent, weight=np.ones(len(reference)))


@pytest.mark.parametrize("rows", [100, 1000])
def test_more_of_the_same_is_not_told_apart_and_holds_no_group(rows: int) -> None:
    found = apart(around(0, 300, seed=0), around(0, rows, seed=1))
    assert abs(found.distance) < 0.2
    assert len(found.group) == 0


def test_images_from_elsewhere_are_told_apart_wholly() -> None:
    found = apart(around(0, 300, seed=0), around(8, 300, seed=1))
    assert found.distance > 0.99
    assert len(found.group) == 300


def test_the_group_is_what_lies_where_the_reference_has_nothing() -> None:
    recent = np.concatenate([around(0, 400, seed=1), around(6, 100, seed=2)])
    group = apart(around(0, 300, seed=0), recent).group
    assert len(group) >= 90
    assert np.mean(group >= 400) > 0.9


def test_a_group_that_the_reference_holds_too_may_grow() -> None:
    reference = np.concatenate([around(0, 250, seed=0), around(6, 50, seed=1)])
    recent = np.concatenate([around(0, 250, seed=2), around(6, 250, seed=3)])
    found = apart(reference, recent)
    assert found.distance > 0.2
    assert len(found.group) == 0


def test_weights_make_up_for_another_ratio_of_the_classes() -> None:
    reference = np.concatenate([around(-2, 150, seed=0), around(2, 150, seed=1)])
    recent = np.concatenate([around(-2, 450, seed=2), around(2, 50, seed=3)])
    assert apart(reference, recent).distance > 0.2
    assert abs(tell_apart(reference, recent, weight=np.repeat([0.9, 0.1], 150)).distance) < 0.15


def test_the_same_samples_give_the_same_answer() -> None:
    reference, recent = around(0, 100, seed=0), around(3, 100, seed=1)
    one, other = apart(reference, recent), apart(reference, recent)
    assert one.distance == other.distance
    assert one.group.tolist() == other.group.tolist()
