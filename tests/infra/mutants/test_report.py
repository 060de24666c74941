import pytest

from truegrain_mutants.report import describe, read_results, share_killed

TOLD = """
    model.metrics.x_share__mutmut_3: killed
    model.metrics.x_share__mutmut_4: not checked
    model.metrics.x_share__mutmut_7: survived
    model.dataset.near_duplicates.xǁ_Searchǁrun__mutmut_13: timeout
    model.dataset.near_duplicates.xǁ_Searchǁrun__mutmut_17: no tests
    model.dataset.near_duplicates.xǁ_Searchǁrun__mutmut_23: killed
"""


def test_the_share_is_told_by_module_and_each_survivor_is_named() -> None:
    lines = describe(read_results(TOLD)).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["model.dataset.near_duplicates", "66.7%", "of", "3"],
        ["model.metrics", "50.0%", "of", "2"],
        ["all", "60.0%", "of", "5"],
    ]
    assert lines[5:] == [
        "  model.dataset.near_duplicates.xǁ_Searchǁrun__mutmut_17 (no tests)",
        "  model.metrics.x_share__mutmut_7 (survived)",
    ]


def test_without_survivors_none_are_listed() -> None:
    assert "Survivors" not in describe({"model.metrics.x_share__mutmut_3": "killed"})


def test_a_run_that_tried_nothing_kills_nothing() -> None:
    with pytest.raises(ValueError, match="no mutant was tried"):
        share_killed(read_results("    model.metrics.x_share__mutmut_4: not checked"))
