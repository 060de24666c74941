"""Of all that a file says, the strongest claim is what the file itself says."""

import pytest

from model.images.provenance.findings import Finding, Says, Trust, find_claim


def claim(says: Says, trust: Trust) -> Finding:
    return Finding(source="c2pa", says=says, trust=trust, name="n", detail="d")


AI, PARTLY, REAL = claim("ai", "unsigned"), claim("partly_ai", "unsigned"), claim("real", "unsigned")
SIGNED_AI, SIGNED_REAL = claim("ai", "unlisted"), claim("real", "unlisted")
LISTED_AI, LISTED_REAL = claim("ai", "listed"), claim("real", "listed")


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ([], None),
        ([REAL, SIGNED_REAL, claim("nothing", "listed"), claim("ai", "invalid")], None),
        ([REAL, AI], AI),
        ([PARTLY, AI], AI),
        ([AI, SIGNED_AI], SIGNED_AI),
        ([AI, LISTED_REAL], LISTED_REAL),
        ([LISTED_REAL, LISTED_AI], LISTED_AI),
    ],
)
def test_the_claim_that_takes_most_effort_to_forge_counts(evidence: list[Finding], told: Finding | None) -> None:
    assert find_claim(evidence) is told
    assert find_claim(reversed(evidence)) is told
