import hashlib
from collections import Counter

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
