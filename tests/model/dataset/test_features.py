"""What an encoder sees in an image is kept once, and leaves with the image."""

import numpy as np
import pytest

from model.dataset.features import FeatureStore, erase_features
from model.dataset.lake import Lake
from model.errors import DatasetError


def name(*numbers: int) -> np.ndarray:
    """Return SHA-256 sums that nothing has."""
    return np.array([f"{number:064x}" for number in numbers])


@pytest.fixture
def store(lake: Lake) -> FeatureStore:
    store = FeatureStore(lake, "one")
    store.add(name(1, 2), np.float32([[1, 10], [2, 20]]))
    store.add(name(3), np.float32([[3, 30]]))
    return store


def test_features_come_in_the_order_that_is_asked_for(store: FeatureStore) -> None:
    features, known = store.read(name(3, 9, 1))
    assert features.tolist() == [[3, 30], [0, 0], [1, 10]]
    assert known.tolist() == [True, False, True]


def test_another_encoder_has_features_of_its_own(lake: Lake, store: FeatureStore) -> None:
    features, known = FeatureStore(lake, "two").read(name(1))
    assert features.shape == (1, 0)
    assert not known.any()
    assert store.read(name(1))[1].all()


def test_the_same_images_may_be_stored_twice(store: FeatureStore) -> None:
    store.add(name(2, 3), np.float32([[2, 20], [3, 30]]))
    features, known = store.read(name(1, 2, 3))
    assert known.all()
    assert features[:, 0].tolist() == [1, 2, 3]


def test_features_of_another_length_are_refused_with_the_file(store: FeatureStore) -> None:
    store.add(name(4), np.float32([[4, 40, 400]]))
    with pytest.raises(
        DatasetError, match=r"features/one/[0-9a-f]+\.parquet has [23] features an image, others have [23]"
    ):
        store.read(name(1, 4))


def test_a_damaged_file_is_named_with_the_way_out(lake: Lake, store: FeatureStore) -> None:
    (lake.root / "features" / "one" / "half.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DatasetError, match=r"half\.parquet cannot be read: .*delete the file, and .* computed again"):
        store.read(name(1))


def test_an_erased_image_has_no_features_any_more(lake: Lake, store: FeatureStore) -> None:
    FeatureStore(lake, "two").add(name(3), np.float32([[33, 330]]))
    changed = list(erase_features(lake, {*name(1, 3)}))
    assert len(changed) == 3
    assert store.read(name(1, 2, 3))[1].tolist() == [False, True, False]
    assert not list((lake.root / "features" / "two").iterdir())
    assert not list(erase_features(lake, {*name(1, 3)}))


def test_an_erasure_deletes_a_damaged_file_which_may_hold_any_image(lake: Lake, store: FeatureStore) -> None:
    damaged = lake.root / "features" / "one" / "half.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    assert list(erase_features(lake, {*name(9)})) == ["features/one/half.parquet"]
    assert store.read(name(1, 2, 3))[1].all()


def test_a_lake_without_features_has_nothing_to_erase(lake: Lake) -> None:
    assert not list(erase_features(lake, {*name(1)}))
