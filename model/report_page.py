"""Report page: an evaluation and the gate's decision as one self-contained HTML page."""

from collections.abc import Iterable
from html import escape
from string import Template

from model.gate import Decision
from model.gate_rule import Rule
from model.metrics import Estimate
from model.report import Report

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Detector report, $dataset_version</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
.failed { color: #a40000; font-weight: 600 }
code { overflow-wrap: anywhere }
</style>
<h1>Detector report</h1>
<p>$rows images of the split $split of dataset version <code>$dataset_version</code>, detector
<code>$onnx_sha256</code> at threshold $threshold. One image takes $p50 ms (median) and $p95 ms (95th percentile).</p>
<h2>Gate: $verdict</h2>
<table><tr><th>Rule<th>Outcome<th>Detail</tr>$rules</table>
<h2>Overall</h2>
<table><tr><th>Metric<th>Value<th>95 % interval</tr>$overall</table>
<h2>Slices</h2>
<table><tr><th>Column<th>Value<th>Images<th>Accuracy<th>95 % interval</tr>$slices</table>
</html>
""")


def render(report: Report, decision: Decision) -> str:
    """Return the page; whatever comes from data is escaped."""
    return _PAGE.substitute(
        dataset_version=escape(report.dataset_version),
        split=escape(report.split),
        rows=report.rows,
        onnx_sha256=escape(report.onnx_sha256),
        threshold=f"{report.threshold:.3f}",
        p50=f"{report.latency.p50_ms:.1f}",
        p95=f"{report.latency.p95_ms:.1f}",
        verdict="promote" if decision.promote else "do not promote",
        rules="".join(_rule(rule) for rule in decision.rules),
        overall="".join(_row([name, *_estimate(estimate)]) for name, estimate in report.overall.items()),
        slices="".join(_row([s.column, s.value, str(s.rows), *_estimate(s.accuracy)]) for s in report.slices),
    )


def _rule(rule: Rule) -> str:
    outcome = "passed" if rule.passed else "failed"
    return _row([rule.name, outcome, rule.detail], kind=outcome)


def _row(cells: Iterable[str], *, kind: str = "plain") -> str:
    return f'<tr class="{kind}">{"".join(f"<td>{escape(cell)}" for cell in cells)}</tr>'


def _estimate(estimate: Estimate) -> tuple[str, str]:
    return f"{estimate.value:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}"
