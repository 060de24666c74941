"""The page that lists every rule with its finding."""

from typing import Any

import pandas as pd
import pytest
from great_expectations import expectations as gxe
from upath import UPath

from expectations.docs import write_docs
from expectations.policy import CRITICAL, WARNING, telling
from expectations.runner import Examination, Finding, examine
from support.planted_defects import rows_of

EVIL = '<img src="https://elsewhere.example/x.png" onerror="alert(1)">'


def find(rule: str, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "label", "value_set": ["real", "ai"]},
        "severity": CRITICAL,
        "asked": True,
        "success": True,
        "observed": 0,
        "found": "",
        "reason": "",
        "rows": (),
        "examined": None,
        "examples": (),
    }
    return Finding(rule=rule, **values | changes)


def draw(tmp_path: Any, *findings: Finding, **changes: Any) -> str:
    values = {"title": "Dataset version 7", "verdict": "It may be trained on.", "success": True}
    write_docs(UPath(tmp_path), [Examination("images", findings)], **values | changes)
    return (UPath(tmp_path) / "index.html").read_text()


KINDS = {
    "held": (find("a", observed=1234), ("✓ held", "refused", "1,234")),
    "warning": (find("b", success=False, severity=WARNING, observed=0.123456), ("! warning", "warning", "0.1235")),
    "broken": (find("c", success=False, observed=["x", "y"]), ("✗ broken", "refused", "x, y")),
    "not asked": (
        find("d", success=False, asked=False, severity=WARNING, observed="no such column"),
        ("✗ broken", "warning", "no such column"),
    ),
    "rows refused": (
        find("e", success=False, reason="no label", rows=(3, 4, 9), examined=84, observed=3),
        ("! rows refused", "row refused: no label", "3 of 84 rows (3.57\u202f%)"),
    ),
    "rows that cannot be refused": (
        find("f", success=False, rows=(3,), examined=2000, observed=1),
        ("✗ broken", "refused", "1 of 2,000 rows (0.05\u202f%)"),
    ),
    "no row": (find("g", examined=0), ("✓ held", "refused", "0 of 0 rows")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_says_what_came_of_its_rule(tmp_path: Any, kind: str) -> None:
    finding, row = KINDS[kind]
    assert rows_of(draw(tmp_path, finding)) == {finding.rule: row}


def test_rules_are_counted_by_what_came_of_them(tmp_path: Any) -> None:
    page = draw(tmp_path, *(finding for finding, _ in KINDS.values()))
    assert "<dt>rules</dt><dd>7</dd>" in page
    assert "<dt>broken</dt><dd>3</dd>" in page
    assert "<dt>warning</dt><dd>1</dd>" in page


def test_a_broken_rule_shows_what_it_expects_and_the_values_that_break_it(tmp_path: Any) -> None:
    broken = find("label is one of real, ai", success=False, rows=(3,), examples=(("dog", 1200), ("cat", 1)))
    page = draw(tmp_path, broken)
    assert "<details open>" in page
    assert '<code>dog</code></td><td class="number">1,200</td>' in page
    assert "<dt>value_set</dt><dd><code>real, ai</code></dd>" in page
    assert "<details open>" not in draw(tmp_path, find("label is known"))


def test_what_comes_from_data_is_escaped_and_nothing_is_loaded(tmp_path: Any) -> None:
    finding = find(
        EVIL, success=False, kwargs={EVIL: EVIL}, observed=EVIL, reason=EVIL, rows=(1,), examples=((EVIL, 1),)
    )
    unasked = find("unasked", success=False, asked=False, observed=EVIL)
    page = draw(tmp_path, finding, unasked, title=EVIL, verdict=EVIL)
    assert "<img" not in page
    assert "<script" not in page
    assert "<link" not in page
    assert page.count("&lt;img") == 10


def test_the_page_of_a_version_is_linked_where_there_is_one(tmp_path: Any) -> None:
    assert 'href="version.html"' in draw(tmp_path, version_page=True)
    assert "version.html" not in draw(tmp_path)


def test_the_most_frequent_values_that_break_a_rule_are_its_examples() -> None:
    table = pd.DataFrame({"label": ["real", None, *["dog"] * 30, *["cat"] * 40, *map(str, range(20))]})
    common: dict[str, Any] = {"column": "label", "severity": CRITICAL, "meta": telling("Labels: {observed}")}
    rules = [
        gxe.ExpectColumnValuesToBeInSet(value_set=["real"], description="set", **common),
        gxe.ExpectColumnValuesToNotBeNull(description="known", **common),
    ]
    found = {finding.rule: finding for finding in examine("images", table, rules, run="now").findings}
    assert found["set"].examples[:3] == (("cat", 40), ("dog", 30), ("0", 1))
    assert len(found["set"].examples) == 10
    assert (found["set"].observed, found["set"].examined) == (90, 92)
    assert (found["known"].observed, found["known"].examples) == (1, ())
