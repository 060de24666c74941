"""The list of problems says which of them are worth another try."""

from pathlib import Path

import pytest

from service.answers.problems import PROBLEMS, RETRY

ROOT = Path(__file__).parents[3]


def test_every_answer_503_and_the_rate_limit_say_when_to_try_again() -> None:
    assert {reason for reason, (status, _) in PROBLEMS.items() if status == 503} < RETRY
    assert {PROBLEMS[reason][0] for reason in RETRY} == {429, 503}


@pytest.mark.parametrize("reason", sorted(PROBLEMS))
def test_the_reference_marks_the_problems_that_send_retry_after(reason: str) -> None:
    lines = (ROOT / "infra/docs/reference/problems.md").read_text().splitlines()
    [row] = [line for line in lines if line.startswith(f"| `{reason}` |")]
    assert ("| yes |" in row) == (reason in RETRY)
