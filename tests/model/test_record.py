"""What is read of a record that a stranger may have written costs little, however much of it is wrong."""

import json

import pytest

from model.detectors.artifact import Card
from model.errors import ArtifactError, TruegrainError
from model.evaluation.gate.decision import Decision
from model.evaluation.report import Report
from model.pages.gallery import Gallery
from model.record import Record


@pytest.mark.parametrize(
    ("kind", "field"), [(Gallery, "mistakes"), (Decision, "rules"), (Report, "slices"), (Report, "robustness")]
)
def test_the_first_fault_of_a_sequence_is_the_last_that_is_looked_for(kind: type[Record], field: str) -> None:
    with pytest.raises(TruegrainError, match=rf"{field}\.0: ") as caught:
        kind.from_json(json.dumps({field: [1] * 1000}))
    assert f"{field}.1: " not in str(caught.value)


def test_of_a_mapping_with_very_many_names_none_is_looked_at() -> None:
    with pytest.raises(TruegrainError, match="overall: Value error, 1,001 names, at most 1,000 are read"):
        Report.from_json(json.dumps({"overall": {str(name): 1 for name in range(1001)}}))


def test_an_error_stays_short_and_carries_no_longer_one() -> None:
    """A log would quote the cause as well."""
    for text in ({str(name): 1 for name in range(101)}, {"x" * 100_000: 1}):
        with pytest.raises(ArtifactError) as caught:
            Card.from_json(json.dumps(text))
        assert len(str(caught.value)) <= 2000
        assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
