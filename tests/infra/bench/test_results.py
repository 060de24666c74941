"""Measured figures are kept with their origin, and shown as a table."""

from pathlib import Path

import pytest

from truegrain_bench.results.catalog import LONG, MEANING, SHORT
from truegrain_bench.results.published import OURS, PUBLISHED, comparison
from truegrain_bench.results.results import Figure, read, record, table

ROOT = Path(__file__).parents[3]
P50 = Figure("serve.p50_ms", 12.5, "ms", "make bench")
PEAK = Figure("setup.peak_gb", 3.1, "GB", "make bench")


def test_a_run_leaves_the_figures_of_others_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    record(path, [P50, PEAK], root=ROOT)
    record(path, [Figure("serve.p50_ms", 11.0, "ms", "make bench")], root=ROOT)
    assert {name: result.value for name, result in read(path).items()} == {"serve.p50_ms": 11.0, "setup.peak_gb": 3.1}


def test_a_result_says_where_it_comes_from(tmp_path: Path) -> None:
    result = record(tmp_path / "results.json", [P50], root=ROOT)["serve.p50_ms"]
    assert all([result.machine, result.date, result.revision, result.command])


def test_the_table_has_a_row_for_what_was_measured_and_none_for_the_rest(tmp_path: Path) -> None:
    rendered = table(record(tmp_path / "results.json", [P50], root=ROOT), MEANING).splitlines()
    assert len(rendered) == 3
    assert "12.5 ms" in rendered[2]


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [(1_000_000, "rows", "1,000,000 rows"), (1.788e-7, "", "1.788e-07"), (94.21, "%", "94.21 %"), (2.0, "x", "2 x")],
)
def test_the_table_writes_numbers_to_be_read(tmp_path: Path, value: float, unit: str, written: str) -> None:
    rendered = table(record(tmp_path / "results.json", [Figure("log.rows", value, unit, "")], root=ROOT), MEANING)
    assert f" | {written} | " in rendered


def test_ours_stands_among_the_published_once_it_is_measured(tmp_path: Path) -> None:
    assert len(comparison({}).splitlines()) == 2 + len(PUBLISHED)
    ours = [Figure("detector.cifake_accuracy", 97.7, "%", "measure"), Figure("detector.cifake_auroc", 99.8, "%", "")]
    lines = comparison(record(tmp_path / "results.json", ours, root=ROOT)).splitlines()
    assert lines[4] == f"| {OURS} | 97.7 % | 99.8 % | `measure` |"


def test_no_measurement_is_listed_twice() -> None:
    assert not SHORT.keys() & LONG.keys()
