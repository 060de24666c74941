import pytest

from model.detectors.decision import band_below, measure_stability, name_decision


@pytest.mark.parametrize(
    ("probability", "decision"),
    [(0.1, "real"), (0.3, "unsure"), (0.5, "unsure"), (0.6, "unsure"), (0.61, "ai"), (0.2999, "real")],
)
def test_a_decision_is_unsure_inside_the_band_only(probability: float, decision: str) -> None:
    assert name_decision(probability, 0.5, (0.3, 0.6)) == decision


def test_a_stricter_threshold_calls_fewer_images_ai() -> None:
    assert name_decision(0.8, 0.5, (0.3, 0.6)) == "ai"
    assert name_decision(0.8, 0.9, (0.3, 0.6)) == "real"
    assert name_decision(0.9, 0.9, (0.3, 0.6)) == "ai"


@pytest.mark.parametrize(
    ("operating_point", "probability", "decision"),
    [
        pytest.param(0.9, 0.9, "ai", id="at the operating point"),
        pytest.param(0.9, 0.8999999, "unsure", id="just below it"),
        pytest.param(0.9, 0.61, "unsure", id="above the band, yet below it"),
        pytest.param(0.9, 0.29, "real", id="below the band"),
        pytest.param(0.5, 0.55, "ai", id="in the band, yet above it"),
        pytest.param(0.5, 0.4, "unsure", id="in the band and below it"),
        pytest.param(0.2, 0.2, "ai", id="at one below the band"),
        pytest.param(0.2, 0.1999999, "real", id="below one below the band"),
        pytest.param(0.3, 0.3, "ai", id="at one that is the end of the band"),
        pytest.param(1.0000000000000002, 1.0, "unsure", id="one that nothing reaches"),
    ],
)
def test_an_operating_point_leaves_to_doubt_what_lies_between_it_and_the_band(
    operating_point: float, probability: float, decision: str
) -> None:
    assert name_decision(probability, operating_point, band_below(operating_point, (0.3, 0.6))) == decision


@pytest.mark.parametrize(
    ("reshipped", "stability"),
    [([0.5, 0.9, 0.8, 0.7], 1), ([0.5, 0.9, 0.8, 0.49], 0.75), ([0.1, 0.2, 0.3, 0.4], 0)],
)
def test_stability_is_the_share_of_versions_with_the_same_label(reshipped: list[float], stability: float) -> None:
    assert measure_stability(0.6, reshipped, 0.5) == stability
    assert measure_stability(0.4, reshipped, 0.5) == 1 - stability
