"""The measurement of a check writes files that the check takes for a source of both classes."""

from pathlib import Path

from truegrain_bench.measurements.source_check import check, make_files


def test_a_small_folder_is_checked_and_has_its_page(tmp_path: Path) -> None:
    make_files(tmp_path / "images", 40)
    check(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<dt>images</dt><dd>40</dd>" in page
    assert "Would be ingested" in page
