from html.parser import HTMLParser

from model.gate import decide
from model.metrics import Estimate
from model.report import Latency, Predictions, Report, Slice
from model.report_page import render

ESTIMATE = Estimate(0.9, 0.85, 0.95)
REPORT = Report(
    dataset_version="20260105-abc",
    split="test",
    rows=2,
    onnx_sha256="f" * 64,
    threshold=0.5,
    overall={"accuracy": ESTIMATE, "f1": Estimate(0.7, 0.6, 0.8)},
    slices=(Slice("generator", "<script>alert(1)</script>", 2, ESTIMATE),),
    latency=Latency(1.0, 2.0),
    size_bytes=1_000_000,
    predictions=Predictions(("a", "b"), (0, 1), (0.1, 0.9)),
)


class Page(HTMLParser):
    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str | None] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_tells_every_metric_slice_and_rule() -> None:
    page = render(REPORT, decide(REPORT, None))
    for expected in ("20260105-abc", "0.9000", "0.8500 to 0.9500", "Gate: do not promote", "there is no champion yet"):
        assert expected in page
    assert '<tr class="failed"><td>f1<td>failed' in page
    assert '<tr class="passed"><td>accuracy<td>passed' in page


def test_a_name_from_the_data_cannot_bring_its_own_markup() -> None:
    page = Page(render(REPORT, decide(REPORT, None)))
    assert "script" not in page.tags


def test_the_page_loads_nothing() -> None:
    assert Page(render(REPORT, decide(REPORT, None))).addresses == []
