from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.detectors.traffic_sample import Reference, Sample
from model.labels import AI
from model.monitoring.drift import Drift, measure
from model.monitoring.limits import read_limits
from support.monitoring import draw_reference, draw_unseen, join

LIMITS = read_limits()
REFERENCE = draw_reference(600)
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


def test_traffic_that_shows_something_else_is_content() -> None:
    assert drift(displaced(traffic(600))).attribution == "content"


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
    assert drift(recent).attribution == "new_generator"


def test_a_generator_that_fools_the_detector_widens_the_estimate_of_accuracy_to_hold_the_truth() -> None:
    recent, unseen = draw_reference(400, seed=4), draw_unseen(200, "taken_for_real")
    called = join(recent.sample, unseen).probability >= 0.5
    right = np.mean(called == np.concatenate([recent.label == AI, np.ones(200)]))

    found = drift(join(recent.sample, unseen))

    assert found.accuracy.low <= right <= found.accuracy.high
    assert found.accuracy.high - found.accuracy.low > 0.1


@pytest.mark.parametrize("changed", [reshipped, displaced])
def test_where_nobody_can_vouch_for_the_detector_its_accuracy_may_be_a_coins(
    changed: Callable[[Sample], Sample],
) -> None:
    found = drift(changed(traffic(600)))
    assert found.accuracy.low == pytest.approx(0.5, abs=0.01)
    assert (found.ai_share.low, found.ai_share.high) == pytest.approx((0, 1), abs=0.01)


def test_a_detector_without_an_embedding_is_measured_by_what_it_says_and_by_the_files() -> None:
    blind = Reference(sample=replace(REFERENCE.sample, embedding=None), label=REFERENCE.label)
    assert drift(traffic(300), blind).attribution == "none"
    assert drift(replace(traffic(300, ai_share=0.1), embedding=None), blind).attribution == "balance"
    assert drift(join(traffic(300), draw_unseen(200, "doubtful")), blind).attribution == "new_generator"


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
    for estimate in (found.accuracy, found.ai_share):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
