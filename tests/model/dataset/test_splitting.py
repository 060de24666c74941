import hashlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from model.dataset.splitting import place


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def claims(generator: str, count: int, *, start: int = 0, hint: str | None = None) -> pd.DataFrame:
    """Return claims about `count` AI images of one generator that resemble no other image."""
    pictures = [digest(generator, number) for number in range(start, start + count)]
    return pd.DataFrame(
        {
            "picture": pictures,
            "phash": pd.array([int(picture[:15], 16) for picture in pictures], dtype="Int64"),
            "label": "ai",
            "source": "s",
            "generator": generator,
            "split_hint": pd.Series([hint] * count, dtype="str"),
            "reported": False,
        }
    )


def placed(told: pd.DataFrame, given: pd.DataFrame | None = None) -> pd.Series:
    return place(told[["picture", "phash"]], told, given)["split"]


def as_given(splits: pd.Series, told: pd.DataFrame) -> pd.DataFrame:
    """Return the images of a version as the next version is told of them."""
    named = told.assign(pixel_hash=told["picture"], sha256=told["picture"], split=told["picture"].map(splits))
    return named[["sha256", "pixel_hash", "phash", "split"]]


@pytest.mark.parametrize("hint", [None, "train"])
def test_each_generator_has_a_tenth_in_val_and_in_test(hint: str | None) -> None:
    sizes = {"flux": 300, "sdxl": 20, "dalle": 1000}
    told = pd.concat([claims(name, size, hint=hint) for name, size in sizes.items()], ignore_index=True)
    found = placed(told)
    for name, size in sizes.items():
        of_one = Counter(found[told.loc[told["generator"] == name, "picture"]])
        assert of_one == {"train": size * 8 // 10, "val": size // 10, "test": size // 10}


def test_generators_of_a_few_images_have_their_share_together() -> None:
    told = pd.concat([claims(f"generator {number}", 3) for number in range(200)], ignore_index=True)
    found = placed(told)
    assert found.groupby(told.set_index("picture")["generator"]).apply(lambda one: (one == "test").sum()).max() == 1
    assert Counter(found)["test"] == pytest.approx(60, abs=20)
    assert Counter(found)["val"] == pytest.approx(60, abs=20)


def test_a_split_that_has_too_few_of_a_generator_is_filled_up_by_what_comes() -> None:
    first = claims("flux", 100, hint=None)
    lopsided = as_given(pd.Series("train", index=first["picture"]), first)
    found = placed(pd.concat([first, claims("flux", 50, start=100)], ignore_index=True), lopsided)
    assert Counter(found[first["picture"]]) == {"train": 100}
    assert Counter(found) == {"train": 120, "val": 15, "test": 15}


def test_a_generator_that_its_source_tests_gives_nothing_more_to_test() -> None:
    told = pd.concat([claims("flux", 100, hint="train"), claims("sdxl", 1, hint="test")], ignore_index=True)
    assert Counter(placed(told)) == {"train": 90, "val": 10, "test": 1}


def test_an_image_more_changes_who_is_drawn_so_that_no_supplier_can_choose_it() -> None:
    few, more = claims("flux", 400), claims("flux", 401)
    before, after = placed(few), placed(more)
    drawn = [set(found[found == "test"].index) for found in (before, after)]
    assert 0 < len(drawn[0] & drawn[1]) < 20


def test_the_parts_of_divided_clusters_are_mixed_up_with_no_other_cluster() -> None:
    """Two clusters came to span two splits each: the weaker four leave, and nobody else is moved."""
    told = claims("flux", 12)
    told.loc[:3, "phash"] = 2**32 - 1
    told.loc[5:6, "phash"] = (2**32 - 1) << 16
    before = pd.Series(
        ["train"] * 3 + ["test", "val", "train", "val"] + ["val", "train"] * 2 + ["test"], index=told["picture"]
    )
    found = place(told[["picture", "phash"]], told, as_given(before, told))
    leaving, staying = told["picture"].iloc[[0, 1, 2, 5]], told["picture"].iloc[[3, 4, *range(6, 12)]]
    assert set(found.loc[leaving, "rule"]) == {"between_splits"}
    assert set(found.loc[staying, "rule"]) == {""}
    assert found["split"].equals(before), "a split once given never changes, not even if the picture leaves"
    assert found.loc[staying, "cluster"].tolist() == staying.tolist(), "each is a cluster of its own"


def test_the_pictures_of_one_part_of_a_divided_cluster_stay_together() -> None:
    told = claims("flux", 5)
    told.loc[:2, "phash"] = 2**32 - 1
    before = pd.Series(["train", "test", "test", "val", "val"], index=told["picture"])
    found = place(told[["picture", "phash"]], told, as_given(before, told))
    assert found["rule"].tolist() == ["between_splits", "", "", "", ""]
    assert found["cluster"].iloc[1:].nunique() == 3
    assert found["cluster"].iloc[1] == found["cluster"].iloc[2]


def test_sketches_say_which_pictures_are_one_and_without_them_the_hash_does() -> None:
    told = claims("flux", 6)
    told.loc[[0, 1, 4, 5], "phash"] = 2**32 - 1
    told.loc[3, "phash"] = pd.NA
    random = np.random.default_rng(0)
    one, two, three = (random.bytes(32).hex() for _ in range(3))
    sketches = pd.Series([one, two, three, three], index=told["picture"][:4])
    pictures = told[["picture", "phash"]]
    found = place(pictures.iloc[:4], told.iloc[:4], None, sketches=sketches)["cluster"]
    assert found.nunique() == 3
    assert found.iloc[2] == found.iloc[3], "one sketch, although one of them has no hash"
    found = place(pictures, told, None)["cluster"]
    assert found.iloc[[0, 1, 4, 5]].nunique() == 1
    assert found.nunique() == 3, "without a hash, a picture is alone"


@pytest.mark.parametrize(("given", "rule"), [("test", ""), ("val", "test_near_train"), ("train", "test_near_train")])
def test_what_is_claimed_for_test_stays_near_an_image_that_is_tested_and_near_no_other(given: str, rule: str) -> None:
    told = claims("flux", 2, hint="test")
    told["phash"] = 2**32 - 1
    earlier = as_given(pd.Series(given, index=told["picture"]), told).iloc[1:]
    found = place(told[["picture", "phash"]], told, earlier)
    assert found["rule"].tolist() == [rule, ""]
    assert found["split"].tolist() == [given, given]
    first_to_stay = told["picture"].iloc[1 if rule else 0]
    assert set(found["cluster"]) == {first_to_stay}, "a cluster is named after an image that stays"
