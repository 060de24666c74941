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


@pytest.mark.parametrize(
    ("values", "claim"),
    [
        ({"mean_probability": 0.1}, "No signal is over its limit."),
        (
            {"dense_group": 0.6, "embedding_distance": 0.81},
            "In files like the reference's, nearly all images are unlike",
        ),
        ({"dense_group": 0.6, "embedding_distance": 0.8}, "In files like the reference's, a group of images is unlike"),
        ({"doubtful_group": 0.6}, "In files like the reference's, the detector doubts far more images: "),
        ({"real_shift": 0.6, "embedding_distance": 0.8}, "In files like the reference's, images that look real have"),
        ({"real_shift": 0.6, "embedding_distance": 0.81}, "The files are like the reference's, but their content or"),
        ({"psi_pixels": 0.6}, "The files are of other sizes, formats or qualities than the reference's: "),
        ({"class_ratio": 0.6}, "Files and images are like the reference's, but the ratio of the classes is not: "),
    ],
)
def test_the_claim_is_that_of_the_rule_and_eight_tenths_are_not_nearly_all(
    values: dict[str, float], claim: str
) -> None:
    assert attribute(signals(**values))[1].startswith(claim)


def test_the_reason_names_what_is_over_its_limit_with_the_numbers_and_nothing_else() -> None:
    _, reason = attribute(signals(psi_format=0.62, class_ratio=0.1))
    assert "psi_format 0.62 (limit 0.50)" in reason
    assert "class_ratio" not in reason
    _, both = attribute(signals(psi_format=0.62, psi_pixels=0.7))
    assert both.endswith(": psi_format 0.62 (limit 0.50), psi_pixels 0.70 (limit 0.50).")
