import pytest

from model.decision import decide


@pytest.mark.parametrize(
    ("probability", "decision"),
    [(0.1, "real"), (0.3, "unsure"), (0.5, "unsure"), (0.6, "unsure"), (0.61, "ai"), (0.2999, "real")],
)
def test_a_decision_is_unsure_inside_the_band_only(probability: float, decision: str) -> None:
    assert decide(probability, 0.5, (0.3, 0.6)) == decision


def test_a_stricter_threshold_calls_fewer_images_ai() -> None:
    assert decide(0.8, 0.5, (0.3, 0.6)) == "ai"
    assert decide(0.8, 0.9, (0.3, 0.6)) == "real"
    assert decide(0.9, 0.9, (0.3, 0.6)) == "ai"
