import pytest

from model.monitoring.attribution import attribute
from model.monitoring.terms import Signal


def signals(**values: float) -> list[Signal]:
    """Return signals by name, each with a limit of 0.5."""
    return [Signal.against(name, value, 0.5) for name, value in values.items()]


@pytest.mark.parametrize(
    ("values", "attribution"),
    [
        ({"mean_probability": 0.1, "psi_format": 0.4}, "none"),
        ({"mean_probability": 0.6, "class_ratio": 0.9}, "balance"),
        ({"mean_probability": 0.6, "embedding_distance": 0.6}, "content"),
        ({"psi_bytes": 0.6}, "content"),
        ({"low_confidence": 0.6, "psi_probability": 0.6}, "content"),
        ({"psi_format": 0.6, "embedding_distance": 0.9, "mean_probability": 0.6}, "container"),
        ({"psi_pixels": 0.6}, "container"),
        ({"psi_jpeg_quality": 0.6}, "container"),
        ({"dense_group": 0.6}, "new_generator"),
        ({"dense_group": 0.6, "psi_format": 0.6}, "new_generator"),
        ({"dense_group": 0.6, "embedding_distance": 0.9}, "content"),
        ({"doubtful_group": 0.6, "mean_probability": 0.6}, "new_generator"),
        ({"doubtful_group": 0.6, "psi_jpeg_quality": 0.6}, "container"),
        ({"real_shift": 0.6, "class_ratio": 0.6}, "new_generator"),
        ({"real_shift": 0.6, "psi_format": 0.6}, "container"),
        ({"real_shift": 0.6, "embedding_distance": 0.9}, "content"),
    ],
)
def test_the_strongest_claim_that_the_signals_allow_is_made(values: dict[str, float], attribution: str) -> None:
    assert attribute(signals(**values))[0] == attribution


def test_the_reason_names_what_is_over_its_limit_with_the_numbers_and_nothing_else() -> None:
    _, reason = attribute(signals(psi_format=0.62, class_ratio=0.1))
    assert "psi_format 0.62 (limit 0.50)" in reason
    assert "class_ratio" not in reason
