"""The page's pure functions, in the browser that runs them."""

from typing import Any

Page = Any  # the class is in conftest.py, which cannot be imported

VERDICT = {"decision": "ai", "label": "ai", "probability": 0.97, "threshold": 0.5, "stability": None}


def test_a_share_never_claims_certainty(empty_page: Page) -> None:
    shares = [0.5, 0.99, 0.9996, 1, 0.01, 0.004, 0]
    words = ["50 %", "99 %", "> 99 %", "> 99 %", "1 %", "< 1 %", "< 1 %"]
    found = empty_page.module("words", "given[0].map(it.percent)", shares)
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in found] == words


def test_a_verdict_is_explained_by_what_brought_it_about(empty_page: Page) -> None:
    def explain(**changes: object) -> str:
        text = empty_page.module("words", "it.explain(given[0])", VERDICT | changes)
        return str(text).replace("\N{NO-BREAK SPACE}", " ")

    assert explain() == "Of 100 test pictures that scored like this one, about 97 were AI-generated."
    assert (
        explain(probability=0.9999) == "Of 100 test pictures that scored like this one, nearly all were AI-generated."
    )
    assert "Too close to call" in explain(decision="unsure", stability=1)
    assert "copies of the picture get another verdict" in explain(decision="unsure", stability=0.75)
    assert "is 40 %, on this side of the threshold 30 %" in explain(probability=0.4, threshold=0.3)


def test_at_an_operating_point_doubt_ends_where_ai_begins(empty_page: Page) -> None:
    def zone(operating_point: str | None, threshold: float) -> object:
        verdict = VERDICT | {"operating_point": operating_point, "threshold": threshold}
        return empty_page.module("words", "it.zoneOfDoubt(given[0], [0.4, 0.6])", verdict)

    assert zone(None, 0.5) == [0.4, 0.6]
    assert zone("0.01", 0.9) == [0.4, 0.9]
    assert zone("0.2", 0.3) == [0.3, 0.3]
    assert empty_page.module("words", "it.zoneOfDoubt(given[0], null)", VERDICT) is None


def test_files_are_sent_in_as_few_requests_as_the_service_accepts(empty_page: Page) -> None:
    expression = "it.intoBatches(given[0].map((size) => ({ file: { size } })), given[1]).map((batch) => batch.length)"
    limits = {"batchFiles": 64, "batchBytes": 400}
    assert empty_page.module("judging", expression, [1] * 130, limits) == [64, 64, 2]
    assert empty_page.module("judging", expression, [100] * 9, limits) == [4, 4, 1]
    assert empty_page.module("judging", expression, [], limits) == []


def test_the_oldest_go_when_the_history_is_full(empty_page: Page) -> None:
    expression = "it.surplus(given[0].map((size) => ({ file: { size } })), given[1]).length"
    assert empty_page.module("archive", expression, [1] * 5, {"mostChecks": 3, "mostBytes": 100}) == 2
    assert empty_page.module("archive", expression, [60, 40, 1, 1], {"mostChecks": 9, "mostBytes": 100}) == 2
    assert empty_page.module("archive", expression, [60, 40], {"mostChecks": 9, "mostBytes": 100}) == 0
