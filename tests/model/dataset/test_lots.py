import numpy as np
import pandas as pd

from model.dataset.lots import draw_lots

HASHES = pd.Series([f"{number:064x}" for number in range(1_000)])


def test_the_same_images_have_the_same_lots_in_whatever_order_they_stand() -> None:
    shuffled = HASHES.sample(frac=1, random_state=1)
    lots = pd.Series(draw_lots(HASHES), index=HASHES)
    assert (pd.Series(draw_lots(shuffled), index=shuffled).reindex(HASHES) == lots).all()
    assert lots.is_unique


def test_the_least_hash_is_not_the_least_lot_and_each_image_changes_all_lots() -> None:
    lots = draw_lots(HASHES)
    assert (np.argsort(lots)[:10] > 9).any()
    assert not set(lots) & set(draw_lots(HASHES[1:]))
