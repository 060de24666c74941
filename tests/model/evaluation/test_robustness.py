import numpy as np
import pandas as pd
import pytest

from model.evaluation import robustness
from model.evaluation.robustness import choose_sample, measure_robustness, measure_stability
from model.images.degradations import DEGRADATIONS, RESHIPPED

BAND = (0.4, 0.6)


def make_rows(real: int, ai: int, *, side: int = 10) -> pd.DataFrame:
    count = real + ai
    hashes = np.random.default_rng(3).permutation(count)
    return pd.DataFrame(
        {
            "sha256": [f"{number:08d}" for number in hashes],
            "label": ["real"] * real + ["ai"] * ai,
            "width": pd.array([side] * count, dtype="Int32"),
            "height": pd.array([side] * count, dtype="Int32"),
        }
    )


def make_degraded(before: list[float], **changed: list[float]) -> np.ndarray:
    """Return degraded results: only the named degradations (with _ for -) change the probabilities."""
    columns = dict.fromkeys(DEGRADATIONS, before) | {name.replace("_", "-"): value for name, value in changed.items()}
    return np.array(list(columns.values())).T


def test_all_of_a_small_split_is_sampled() -> None:
    assert choose_sample(make_rows(5, 3)).all()


def test_of_a_large_split_equally_many_of_each_class_are_sampled_by_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "MOST_IMAGES", 20)
    rows = make_rows(300, 50)
    chosen = rows[choose_sample(rows)]
    assert chosen["label"].value_counts().to_dict() == {"real": 10, "ai": 10}
    shuffled = rows.sample(frac=1, random_state=1)
    assert set(shuffled[choose_sample(shuffled)]["sha256"]) == set(chosen["sha256"])


def test_whoever_chooses_the_hashes_of_a_few_huge_images_does_not_choose_the_sample() -> None:
    rows = make_rows(3_000, 3_000)
    rows.loc[rows["sha256"] <= f"{3:08d}", ["width", "height"]] = 9_400
    assert (rows["width"] == 9_400).sum() == 4
    assert choose_sample(rows).sum() > 100


def test_fewer_images_are_sampled_when_they_are_large_but_one_of_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "MOST_PIXELS", 1_050)
    assert choose_sample(make_rows(50, 50)).sum() == 10
    huge = make_rows(5, 5, side=1_000)
    assert sorted(huge[choose_sample(huge)]["label"]) == ["ai", "real"]


def test_each_degradation_is_measured_on_its_own() -> None:
    before = [0.1, 0.2, 0.8, 0.9]
    labels = np.array([0, 0, 1, 1])
    degraded = make_degraded(before, jpeg_30=[0.7, 0.2, 0.3, 0.9])
    found = {each.name: each for each in measure_robustness(labels, np.array(before), degraded, threshold=0.5)}
    assert list(found) == list(DEGRADATIONS)
    worse, same = found["jpeg-30"], found["noise"]
    assert (worse.rows, worse.accuracy.value, worse.auroc.value, worse.flipped.value) == (4, 0.5, 0.75, 0.5)
    assert (same.accuracy.value, same.auroc.value, same.flipped.value) == (1, 1, 0)


def test_a_verdict_is_stable_when_everything_that_is_reshipped_leaves_it_be() -> None:
    before = [0.1, 0.5, 0.9, 0.9]
    assert "jpeg-50" in RESHIPPED
    assert "noise" not in RESHIPPED
    changed = make_degraded(before, jpeg_50=[0.3, 0.55, 0.7, 0.1], noise=[0.9] * 4)
    assert measure_stability(np.array(before), changed, threshold=0.5, band=BAND).value == 0.75


def test_a_verdict_that_becomes_unsure_has_changed() -> None:
    before = [0.1, 0.9]
    unsure = make_degraded(before, crop=[0.5, 0.9])
    assert measure_stability(np.array(before), unsure, threshold=0.5, band=BAND).value == 0.5
