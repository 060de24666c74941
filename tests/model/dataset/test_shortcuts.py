"""Facts that alone predict the label are found."""

import numpy as np
import pandas as pd
import pytest

from model.dataset.lake import to_frame
from model.dataset.manifest import SCHEMA
from model.dataset.shards import BATCH_SCHEMA
from model.dataset.shortcuts import (
    FACTS,
    Shortcut,
    find_joint_shortcut,
    find_shortcuts,
    find_shortcuts_in_groups,
    name_patterns,
)


def rows(count: int, **facts: object) -> pd.DataFrame:
    """Return rows, real and AI by turns, in which only `facts` may predict the label."""
    plain = {
        "sha256": [f"{number * 7919 % 104729:032x}" for number in range(count)],
        "label": ["real", "ai"] * (count // 2),
        "origin": [f"{number}.jpg" for number in range(count)],
    }
    empty = to_frame(SCHEMA.empty_table()).reindex(range(count))
    return empty.assign(**{**plain, "width": 64, "height": 64, "has_icc": False, **facts})


def is_ai(count: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.arange(count) % 2 == 1


def noise(count: int, seed: int = 0) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.random.default_rng(seed).random(count)


def test_every_fact_of_a_file_is_audited() -> None:
    hashes = {"image", "sha256", "pixel_hash", "phash", "sketch"}
    claims = {"label", "source", "generator", "split_hint", "origin", "ingested_at", "decode_error", "licence"}
    claims |= {"collection", "revision"}
    assert set(BATCH_SCHEMA.names) - hashes - claims == FACTS.keys() - {"aspect", "name_pattern"}


def test_where_nothing_tells_the_label_nothing_is_found() -> None:
    assert set(find_shortcuts(rows(200)).values()) == {Shortcut(0.5, 0.5)}


@pytest.mark.parametrize("count", [40, 200, 2000])
def test_a_category_that_is_the_label_is_certain(count: int) -> None:
    found = find_shortcuts(rows(count, has_icc=is_ai(count)))
    assert found["has_icc"] == Shortcut(1.0, 1.0)
    assert found["mode"] == Shortcut(0.5, 0.5)


def test_having_no_value_can_be_the_shortcut() -> None:
    quality = pd.array(np.where(is_ai(200), 90, -1), dtype="Int16")
    quality[quality == -1] = pd.NA
    assert find_shortcuts(rows(200, jpeg_quality=quality))["jpeg_quality"].auc == 1.0


def test_a_number_shows_whichever_way_it_points() -> None:
    up, down = is_ai(400) + noise(400), noise(400) - is_ai(400)
    found = find_shortcuts(rows(400, brightness=up, border=down))
    assert min(found["brightness"].low, found["border"].low) > 0.95


def test_a_number_shows_that_neither_rises_nor_falls_with_the_label() -> None:
    both_ends = np.where(noise(400, seed=1) < 0.5, noise(400), noise(400) + 2)
    middle = np.where(is_ai(400), 1 + noise(400), both_ends)
    assert find_shortcuts(rows(400, brightness=middle))["brightness"].low > 0.9


def test_a_value_that_no_two_images_share_says_nothing() -> None:
    serials = [f"{number:06d}" for number in range(400)]
    assert find_shortcuts(rows(400, quantization=serials))["quantization"].auc == 0.5


def test_pairs_of_both_classes_are_no_shortcut_upside_down() -> None:
    pairs = np.arange(400) // 2
    assert find_shortcuts(rows(400, quantization=pairs.astype(str)))["quantization"].auc == 0.5


@pytest.mark.parametrize("count", [20, 40, 80, 400])
def test_noise_never_reaches_the_warning_however_few_images(count: int) -> None:
    for seed in range(50):
        few_values = np.random.default_rng(seed).integers(0, 6, count).astype(str)
        found = find_shortcuts(rows(count, brightness=noise(count, seed), mode=few_values))
        assert max(found["brightness"].low, found["mode"].low) < 0.75


def test_the_order_of_the_rows_does_not_matter() -> None:
    some = rows(200, brightness=noise(200) + 0.3 * is_ai(200))
    assert find_shortcuts(some) == find_shortcuts(some.sample(frac=1.0, random_state=0))


@pytest.mark.parametrize("kept", [0, 1])
def test_without_two_classes_nothing_is_claimed(kept: int) -> None:
    assert set(find_shortcuts(rows(2).iloc[:kept]).values()) == {Shortcut(0.5, 0.5)}


def test_fewer_images_are_less_certain() -> None:
    few, many = (find_shortcuts(rows(n, brightness=noise(n) + 0.5 * is_ai(n)))["brightness"] for n in (100, 1000))
    assert many.auc - many.low < few.auc - few.low


@pytest.mark.parametrize(
    ("origin", "pattern"),
    [
        ("train/REAL/IMG_0042.JPG", "a_9.jpg"),
        ("converse_077_train_2024-03-21.jpg", "a_9_a_9-9-9.jpg"),
        ("0 (10).jpeg", "9 (9).jpeg"),
        ("Ünïcödé7", "a9"),
        ("a.tar/2.final.png", "9.a.png"),
        ("", ""),
    ],
)
def test_a_file_name_is_reduced_to_its_pattern(origin: str, pattern: str) -> None:
    assert name_patterns(pd.Series([origin])).tolist() == [pattern]


def test_what_tells_the_label_in_two_sources_in_opposite_ways_is_found_in_each_and_by_all_facts_together() -> None:
    first = noise(800) < 0.5
    both = rows(800, jpeg_quality=np.where(first ^ is_ai(800), 95, 75), width=np.where(first, 512, 768))
    assert max(shortcut.low for shortcut in find_shortcuts(both).values()) < 0.6
    found = find_shortcuts_in_groups({"first": both[first], "second": both[~first]})
    assert found["first", "jpeg_quality"] == found["second", "jpeg_quality"] == Shortcut(1.0, 1.0)
    assert found["first", "width"] == Shortcut(0.5, 0.5)
    assert find_joint_shortcut(both).low > 0.95


def test_facts_that_each_tell_a_little_tell_much_together() -> None:
    weak = [noise(1200, seed) * 2 + is_ai(1200) for seed in range(4)]
    together = rows(1200, brightness=weak[0], border=weak[1], bytes=weak[2], width=weak[3])
    single = max(shortcut.low for shortcut in find_shortcuts(together).values())
    assert find_joint_shortcut(together).low > single + 0.05


@pytest.mark.parametrize("count", [40, 400])
def test_where_nothing_tells_the_label_all_facts_together_tell_nothing(count: int) -> None:
    for seed in range(5):
        nothing = rows(count, brightness=noise(count, seed), border=noise(count, seed + 99))
        assert find_joint_shortcut(nothing).low < 0.6


def test_groups_of_a_few_images_of_a_class_are_left_out() -> None:
    few, lone = rows(18, has_icc=is_ai(18)), rows(100, label="real")
    assert find_shortcuts_in_groups({"few": few, "lone": lone}) == {}
    assert find_joint_shortcut(few) == find_joint_shortcut(lone) == Shortcut(0.5, 0.5)


def test_the_more_groups_are_looked_at_the_lower_is_the_bound() -> None:
    telling = rows(60, brightness=is_ai(60) + 2 * noise(60))
    alone = find_shortcuts_in_groups({"a": telling})["a", "brightness"]
    among = find_shortcuts_in_groups(dict.fromkeys("abcdef", telling))["a", "brightness"]
    assert among.auc == alone.auc
    assert among.low < alone.low
