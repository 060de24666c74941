import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import escape

from model.estimate import Estimate
from model.evaluation.forecast import Unseen, summarise
from model.evaluation.gate.decision import Decision, judge
from model.evaluation.gate.policy import read_policy
from model.evaluation.report import Degraded, Latency, OperatingPoint, Predictions, Report, Slice
from model.metrics import accuracy, auroc, proportion
from model.pages.gallery import Gallery, Mistake
from model.pages.report_page import render

EVIL = "<script>alert(1)</script>"
ESTIMATE = Estimate(0.9, 0.85, 0.95)


def make_report(count: int = 40, *, good: float = 4.0) -> Report:
    random = np.random.default_rng(2)
    labels = np.arange(count) % 2
    probabilities = 1 / (1 + np.exp(-random.normal(good * (labels - 0.5), 1)))
    return Report(
        dataset_version="20260105-abc",
        split="test",
        rows=count,
        onnx_sha256="f" * 64,
        threshold=0.5,
        overall={
            "accuracy": accuracy(labels, probabilities, 0.5),
            "f1": Estimate(0.7, 0.6, 0.8),
            "auroc": auroc(labels, probabilities),
        },
        slices=(Slice("generator", EVIL, 2, ESTIMATE), Slice("source", "shoes", count, ESTIMATE)),
        latency=Latency(1.0, 2.0),
        size_bytes=1_000_000,
        predictions=Predictions(
            tuple(f"{number}" for number in range(count)), tuple(labels.tolist()), tuple(probabilities.tolist())
        ),
        operating_points=(OperatingPoint(0.01, 0.875, Estimate(0.0123, 0, 0.05), ESTIMATE),),
        robustness=(Degraded("jpeg-50", count, Estimate(0.81, 0.7, 0.9), ESTIMATE, Estimate(0.07, 0.0, 0.2)),),
        stable=Estimate(0.66, 0.5, 0.8),
    )


REPORT = make_report()
MISTAKE = Mistake("0" * 64, EVIL, "real", EVIL, 0.987, "data:image/webp;base64,AAAA", "data:image/webp;base64,BBBB")
FORECAST = summarise("v1", [Unseen(EVIL, 50, proportion(20, 50)), Unseen("nearest", 50, proportion(40, 50))])


class Page(HTMLParser):
    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str | None] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]


@pytest.fixture(scope="module")
def decision() -> Decision:
    return judge(REPORT, None, read_policy())


@pytest.fixture(scope="module")
def plain(decision: Decision) -> str:
    return render(REPORT, decision)


@pytest.fixture(scope="module")
def full(decision: Decision) -> str:
    return render(REPORT, decision, champion=make_report(good=2.0), forecast=FORECAST, gallery=Gallery((MISTAKE,)))


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_verdict_comes_first_with_what_failed(plain: str, decision: Decision) -> None:
    failed = [rule for rule in decision.rules if not rule.passed]
    assert failed
    text = words(plain)
    assert text.index("Gate: do not promote") < text.index(failed[0].name) < text.index("Rules of the gate")
    for rule in decision.rules:
        assert escape(rule.detail) in text


def test_a_manager_reads_in_three_lines_why_a_person_is_asked() -> None:
    why = (
        "The test images are too few.",
        "Odds of a loss beyond the margin: accuracy (1 point) 1 in 8.",
        "About 710 more.",
    )
    page = render(make_report(), Decision(promote=False, rules=(), ask=True, why=why))
    verdict = page[page.index('class="verdict bad"') : page.index("</div>", page.index('class="verdict'))]
    assert "Gate: ask a person" in verdict
    assert [line for line in why if f"<p>{line}</p>" in verdict] == list(why)


def test_everything_that_was_measured_is_on_the_page(plain: str) -> None:
    text = words(plain)
    for expected in ("20260105-abc", "70.00 %", "60.00 % to 80.00 %", "shoes", "jpeg-50", "81.00 %", "7.0 %"):
        assert expected in text
    for expected in ("0.8750", "1.23 %", "66.00 %", "1.0 ms", "1.0 MB", "jpeg-75, jpeg-50, resize-0.5, crop"):
        assert expected in text
    assert [title for title in ("ROC", "Precision and recall", "Reliability", "Confusion") if title not in text] == []
    assert plain.count("<svg") == 3


def test_the_confusion_counts_every_image_once(plain: str) -> None:
    cells = re.findall(r'<td class="number (?:wrong)?">(\d+)<br>', plain)
    assert len(cells) == 4
    assert sum(map(int, cells)) == REPORT.rows


def test_without_a_champion_a_forecast_or_mistakes_nothing_is_said_of_them(plain: str) -> None:
    text = words(plain)
    assert "There is no champion to compare with." in text
    for absent in ("the ring is the champion", "A generator not yet seen", "Real images called AI"):
        assert absent not in text


def test_the_champion_stands_beside_on_the_same_images(full: str) -> None:
    text = words(full)
    assert "The champion was measured on the same images." in text
    assert full.count("<s style=") == 3  # two groups and a degradation
    assert text.count("champion, area") == 1


def test_the_forecast_and_the_mistakes_are_shown(full: str) -> None:
    text = words(full)
    assert "60.0 % of its images are found on average" in text
    assert "It rests on 2 detectors." in text
    assert "98.7 % AI" in text
    assert "AI images called real" not in text


def test_marks_stand_where_their_values_are_on_the_axis() -> None:
    report = replace(REPORT, slices=(Slice("source", "shoes", 9, Estimate(0.75, 0.5, 1.0)),))
    page = render(report, judge(report, None, read_policy()))
    assert '<i style="left:0.00%;right:calc(100% - 100.00%)"></i>' in page
    assert '<b style="left:50.00%"></b>' in page


def test_a_name_from_the_data_cannot_bring_its_own_markup(full: str) -> None:
    assert "script" not in Page(full).tags


def test_the_page_loads_nothing(plain: str, full: str) -> None:
    assert Page(plain).addresses == []
    assert Page(full).addresses == [MISTAKE.picture, MISTAKE.overlay]


def test_the_page_does_not_grow_with_the_number_of_images() -> None:
    few, many = (make_report(count) for count in (2_000, 10_000))
    sizes = [len(render(report, judge(report, None, read_policy()))) for report in (few, many)]
    assert sizes[1] < 1.2 * sizes[0] < 300_000


def test_the_same_report_gives_the_same_page(plain: str, decision: Decision) -> None:
    assert render(REPORT, decision) == plain
