from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.detectors.traffic_sample import Reference, Sample
from model.labels import AI
from model.monitoring.drift import Drift, measure
from model.monitoring.limits import read_limits
from model.monitoring.terms import Signal
from support.monitoring import AXES, draw_reference, draw_unseen, join

LIMITS = read_limits()
REFERENCE = draw_reference(600)
LARGE = draw_reference(2000, seed=50)
KINDS = ["elsewhere", "doubtful", "taken_for_real"]


def drift(recent: Sample, reference: Reference = REFERENCE) -> Drift:
    return measure(reference, recent, threshold=0.5, band=(0.4, 0.6), limits=LIMITS)


def traffic(rows: int, *, seed: int = 1, ai_share: float = 0.5) -> Sample:
    return draw_reference(rows, seed=seed, ai_share=ai_share).sample


def displaced(sample: Sample) -> Sample:
    """Return the same files with pictures of other content."""
    assert sample.embedding is not None
    return replace(sample, embedding=sample.embedding + np.float32(4.0))


def reshipped(sample: Sample) -> Sample:
    """Return the same images as small WebP files, with other probabilities by the detector."""
    assert sample.embedding is not None
    return replace(
        sample,
        format=np.full(len(sample), "WEBP"),
        jpeg_quality=np.full(len(sample), np.nan),
        width=sample.width // 2,
        probability=sample.probability**0.3,
        embedding=sample.embedding + np.float32(3.0),
    )


@pytest.mark.parametrize("rows", [100, 300, 1000])
@pytest.mark.parametrize("seed", range(1, 4))
def test_more_of_the_same_is_no_drift(rows: int, seed: int) -> None:
    found = drift(traffic(rows, seed=seed))
    assert found.attribution == "none"
    assert found.suspects == ()
    assert not any(signal.over for signal in found.signals)


@pytest.mark.parametrize("ai_share", [0.02, 0.2, 0.8, 0.97])
def test_another_ratio_of_the_classes_is_balance(ai_share: float) -> None:
    assert drift(traffic(600, ai_share=ai_share)).attribution == "balance"


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_images_shipped_otherwise_are_a_container_and_never_a_new_generator(share: float) -> None:
    changed = round(600 * share)
    found = drift(join(traffic(600 - changed), reshipped(traffic(changed, seed=2))))
    assert found.attribution == "container"
    assert "psi_format" in found.reason


def test_traffic_that_shows_something_else_is_content_and_its_images_are_no_suspects() -> None:
    found = drift(displaced(traffic(600)))
    assert (found.attribution, found.suspects) == ("content", ())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_generator_nobody_has_seen_is_suspected_whatever_the_detector_takes_it_for(kind: str, share: float) -> None:
    unseen = round(600 * share)
    found = drift(join(traffic(600 - unseen), draw_unseen(unseen, kind)))

    assert found.attribution == "new_generator"
    first = np.array(found.suspects[:20])
    assert np.mean(first >= 600 - unseen) > 0.7  # the suspects are the last images


def test_a_generator_of_its_own_is_noticed_among_images_shipped_otherwise() -> None:
    recent = join(reshipped(traffic(300)), traffic(200, seed=2), draw_unseen(100, "elsewhere"))
    recent = recent.take(np.random.default_rng(0).permutation(600))
    assert drift(recent).attribution == "new_generator"


@pytest.mark.parametrize("seed", [1, 3])  # chance alone fails a test of likeness in one window of ten
def test_the_accuracy_on_more_of_the_same_is_estimated(seed: int) -> None:
    recent = draw_reference(300, seed=seed)
    found = drift(recent.sample)
    assert found.accuracy is not None, found.not_estimable
    assert (
        found.accuracy.low <= np.mean((recent.sample.probability >= 0.5) == (recent.label == AI)) <= found.accuracy.high
    )
    assert found.ai_share is not None and found.not_estimable is None


@pytest.mark.parametrize("looks_ai", [0.33, 0.6, 0.9])
@pytest.mark.parametrize("moved", [0.0, 0.5, 1.5, 4.0])
def test_nothing_is_estimated_about_photographs_that_look_like_ai(looks_ai: float, moved: float) -> None:
    photographs = traffic(1000, ai_share=looks_ai)  # whatever they look like, all are real
    assert photographs.embedding is not None
    found = drift(replace(photographs, embedding=photographs.embedding + np.float32(moved / AXES**0.5)), LARGE)
    assert (found.accuracy, found.ai_share) == (None, None)
    assert found.not_estimable


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_estimated_while_an_unseen_generator_is_suspected(kind: str) -> None:
    found = drift(join(traffic(400, seed=4), draw_unseen(200, kind)))
    assert (found.accuracy, found.not_estimable) == (None, "the traffic has drifted (new_generator)")


def test_a_small_move_of_the_embeddings_is_no_drift_but_leaves_nothing_to_estimate() -> None:
    recent = traffic(1000)
    assert recent.embedding is not None
    moved = recent.embedding.copy()
    moved[:, 1:] += np.float32(0.2 / 7**0.5)
    found = drift(replace(recent, embedding=moved), LARGE)
    assert (found.attribution, found.not_estimable) == ("none", "the embeddings can be told from the reference's")


def test_a_detector_without_an_embedding_is_measured_by_what_it_says_and_by_the_files() -> None:
    blind = Reference(sample=replace(REFERENCE.sample, embedding=None), label=REFERENCE.label)
    found = drift(traffic(300), blind)
    assert (found.attribution, found.accuracy) == ("none", None)
    assert found.not_estimable == "the embeddings are missing or too few to compare"
    assert drift(replace(traffic(300, ai_share=0.1), embedding=None), blind).attribution == "balance"
    assert drift(join(traffic(300), draw_unseen(200, "doubtful")), blind).attribution == "new_generator"


@pytest.mark.parametrize("times", [100, 200])
def test_one_file_that_is_sent_again_and_again_is_no_drift(times: int) -> None:
    for seed in range(3):
        ordinary = traffic(1000 - times, seed=seed + 1)
        recent = join(ordinary, ordinary.take(np.zeros(times, int)))
        found = drift(recent)
        assert (found.attribution, found.rows) == ("none", 1000)
        assert found.independent <= 1000 - times


def test_bursts_of_similar_images_are_no_drift() -> None:
    alarms = 0
    for seed in range(20):
        random, scenes = np.random.default_rng(seed), traffic(60, seed=seed + 1)
        recent = scenes.take(np.repeat(np.arange(60), 10))
        assert recent.embedding is not None
        noise = random.normal(0, 0.3, recent.embedding.shape).astype(np.float32)
        alarms += drift(replace(recent, embedding=recent.embedding + noise)).attribution != "none"
    assert alarms <= 1


@pytest.mark.parametrize("images", [10, 20, 50])
def test_a_small_reference_is_not_taken_for_more_than_it_tells(images: int) -> None:
    found = [drift(traffic(100, seed=seed), draw_reference(images, seed=100 + seed)) for seed in range(40)]
    assert sum(each.attribution != "none" for each in found) <= 1


def test_the_same_window_has_the_same_drift() -> None:
    recent = join(traffic(200), draw_unseen(100, "elsewhere"))
    assert drift(recent) == drift(recent)


def test_nothing_cannot_be_compared() -> None:
    empty = Reference(sample=traffic(0), label=np.zeros(0, np.uint8))
    with pytest.raises(ValueError, match="0 predictions cannot be compared with 600"):
        drift(empty.sample)
    with pytest.raises(ValueError, match="10 predictions cannot be compared with 0"):
        drift(traffic(10), empty)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.sampled_from([0.0, 0.5, 1.0]), st.booleans(), st.booleans())
def test_whatever_is_compared_the_numbers_make_sense(
    before: int, rows: int, ai_share: float, constant: bool, other_files: bool
) -> None:
    recent = traffic(rows, ai_share=ai_share)
    recent = replace(recent, probability=np.full(rows, 0.0)) if constant else recent
    recent = reshipped(recent) if other_files else recent

    found = drift(recent, draw_reference(before, seed=before))

    assert found.rows == rows
    assert all(np.isfinite([signal.value, signal.limit]).all() for signal in found.signals)
    assert len(set(found.suspects)) == len(found.suspects)
    assert all(0 <= suspect < rows for suspect in found.suspects)
    assert (found.accuracy is None) == (found.ai_share is None) == (found.not_estimable is not None)
    for estimate in filter(None, (found.accuracy, found.ai_share)):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@pytest.mark.parametrize(("outside", "known"), [(0.0, True), (0.05, True), (0.06, False), (1.0, False)])
def test_nothing_is_estimated_about_traffic_out_of_the_domain(outside: float, *, known: bool) -> None:
    found = measure(REFERENCE, traffic(300), threshold=0.5, band=(0.4, 0.6), limits=LIMITS, outside=outside)
    assert (found.accuracy is not None, found.ai_share is not None) == (known, known)


NAMES = [
    *("mean_probability", "low_confidence", "class_ratio", "psi_probability", "ks_probability"),
    *("psi_pixels", "psi_bytes", "psi_jpeg_quality", "psi_format"),
    *("embedding_distance", "dense_group", "doubtful_group", "real_shift"),
]


def test_every_signal_is_told_whatever_is_missing() -> None:
    blind = Reference(sample=replace(REFERENCE.sample, embedding=None), label=REFERENCE.label)
    for reference, recent in ((REFERENCE, traffic(300)), (REFERENCE, traffic(20)), (blind, traffic(300))):
        assert [signal.name for signal in drift(recent, reference).signals] == NAMES
    few = {signal.name: signal for signal in drift(traffic(29)).signals}
    assert few["embedding_distance"] == Signal("embedding_distance", 0.0, LIMITS.embedding_distance, over=False)
    assert few["dense_group"] == Signal("dense_group", 0.0, 15 / 29, over=False)


def test_a_measurement_says_what_it_rests_on() -> None:
    found = drift(traffic(300))
    assert (found.rows, found.independent <= 300) == (300, True)
    assert found.reason == "No signal is over its limit."
    changed = drift(join(traffic(300), draw_unseen(150, "elsewhere")))
    assert changed.independent < changed.rows == 450
    assert changed.reason.startswith("In files like the reference's, a group of images is unlike all of its images: ")
    recent = join(traffic(300), draw_unseen(150, "elsewhere"))
    assert recent.embedding is not None
    assert all(recent.embedding[suspect, 1] > 3 for suspect in changed.suspects[:30]), "positions of the rows given"
