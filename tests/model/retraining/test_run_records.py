"""The records that the steps leave in a run: compared without a registry, stored in one."""

from dataclasses import replace

import pytest

from model.errors import RegistryError
from model.evaluation.gate.policy import read_policy
from model.evaluation.report import Latency
from model.registry import FULL, INT8, Registry
from model.retraining.run_records import RunRecords
from support.evaluation_reports import make_report, right_but

POLICY = read_policy()
GOOD, BAD = right_but(2, of=1_000), right_but(300, of=1_000)
SLOW, FAST = Latency(10.0, 12.0), Latency(5.0, 6.0)


def evaluated(*, rights: list[bool] = GOOD, int8: Latency | None = None) -> RunRecords:
    """Return the records of a run; its 8-bit variant, if it has one, is as good and takes so long."""
    smaller = make_report(rights, name="smaller", latency=int8) if int8 is not None else None
    return RunRecords(run_id="run", report=make_report(rights, latency=SLOW), report_int8=smaller)


@pytest.mark.parametrize(("int8", "variant"), [(None, FULL), (SLOW, FULL), (FAST, INT8)])
def test_the_decision_is_about_the_8_bit_variant_when_that_passes_too(int8: Latency | None, variant: str) -> None:
    decided = evaluated(int8=int8).judged_by(POLICY)
    assert decided.require_decision().promote
    assert decided.variant == variant
    assert decided.require_report() is (decided.report_int8 if variant == INT8 else decided.report)
    assert (decided.decision_int8 is None) == (int8 is None)


def test_the_gate_is_not_asked_about_the_8_bit_variant_of_a_detector_that_it_refuses() -> None:
    decided = evaluated(rights=BAD, int8=FAST).judged_by(POLICY)
    assert not decided.require_decision().promote
    assert (decided.decision_int8, decided.variant) == (None, FULL)


def test_what_was_decided_before_counts_for_nothing_when_a_run_is_judged_again() -> None:
    before = evaluated(int8=FAST).judged_by(POLICY)
    again = replace(before, report_int8=None).judged_by(POLICY)
    assert (again.variant, again.decision_int8) == (FULL, None)
    assert again == evaluated().judged_by(POLICY)


def test_a_run_that_was_not_evaluated_cannot_be_judged() -> None:
    with pytest.raises(RegistryError, match=r"run 7 has no report\.json: evaluate it first"):
        RunRecords(run_id="7").judged_by(POLICY)


@pytest.mark.usefixtures("without_plots")
def test_records_are_read_as_they_were_saved_and_those_that_did_not_change_are_left(registry: Registry) -> None:
    records = replace(evaluated(int8=FAST), champion=make_report(GOOD, name="champion"))
    with registry.run("evaluate", params={}) as run:
        records.save(run)
    records = replace(records, run_id=run.id)
    assert RunRecords.load(registry, run.id) == records
    assert registry.read_file(run.id, "report.html") is None
    with registry.run("decide", params={}) as other:
        records.judged_by(POLICY).save(other, since=records)
    assert {entry.path for entry in registry.client.list_artifacts(other.id)} == {
        "decision.json",
        "decision-int8.json",
        "report.html",
    }
