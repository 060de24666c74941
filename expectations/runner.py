"""Runs Great Expectations on a table and returns the result of each rule as plain values."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context import EphemeralDataContext
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.expectation import Expectation

from expectations.policy import CRITICAL

# COMPLETE lists the index of every row that breaks a rule; the rows themselves are in the table already.
_RESULT_FORMAT = {"result_format": "COMPLETE", "include_unexpected_rows": False}
_MOST_EXAMPLES = 10
_LEFT_OUT_OF_RECORDS = ("rows", "reason", "examined", "examples")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one rule, JSON-safe.

    - `asked`: whether the rule could be checked; if not, it counts as broken.
    - `observed`: the value that a rule about the table saw, or the number of rows that break a rule about rows. If the
      rule could not be checked, the error message.
    - `found`: what is wrong, in words; '' if the rule holds.
    - `reason`: why rows that break the rule are refused; '' for a rule that refuses no rows.
    - `examined`: the number of rows that a rule about rows checked; None for other rules.
    - `rows`: the index labels of the rows that break the rule.
    - `examples`: the most frequent values in these rows, each with its number of rows.
    """

    rule: str
    type: str
    kwargs: Mapping[str, object]
    severity: str
    asked: bool
    success: bool
    observed: object
    found: str
    reason: str
    rows: tuple[int, ...]
    examined: int | None
    examples: tuple[tuple[str, int], ...]

    @property
    def refuses_table(self) -> bool:
        """Whether the result refuses the whole table. A rule that lists rows refuses only these rows."""
        return not self.success and (not self.asked or (self.severity == CRITICAL and not self.rows))

    @property
    def warns(self) -> bool:
        """Whether the rule is broken and refuses nothing."""
        return not self.success and self.asked and self.severity != CRITICAL

    @property
    def status(self) -> str:
        """The result in one or two words: 'held', 'warning', 'rows refused' or 'broken'."""
        if self.success:
            return "held"
        if self.warns:
            return "warning"
        return "rows refused" if self.reason and not self.refuses_table else "broken"

    @property
    def consequence(self) -> str:
        """What happens if the rule is broken."""
        if self.reason:
            return f"row refused: {self.reason}"
        return "refused" if self.severity == CRITICAL else "warning"


@dataclass(frozen=True)
class Examination:
    """The findings of a suite of rules on one table."""

    suite: str
    findings: tuple[Finding, ...]

    @property
    def success(self) -> bool:
        """Whether no rule was broken."""
        return all(finding.success for finding in self.findings)

    @property
    def asked(self) -> bool:
        """Whether every rule could be checked."""
        return all(finding.asked for finding in self.findings)


def as_record(finding: Finding) -> dict[str, object]:
    """Return a finding as a file records it: without the single rows, because there may be many."""
    return {name: value for name, value in asdict(finding).items() if name not in _LEFT_OUT_OF_RECORDS}


def list_findings(title: str, found: Iterable[str]) -> str:
    """Return a space and a sentence that lists what was `found`; '' if that is nothing."""
    listed = "; ".join(found)
    return f" {title}: {listed}." if listed else ""


def examine(suite: str, table: pd.DataFrame, rules: Sequence[Expectation], *, run: str) -> Examination:
    """Check `table` against `rules`; `suite` names the rules, `run` names this check."""
    context = _context()
    batch = context.data_sources.add_pandas("lake").add_dataframe_asset(suite).add_batch_definition_whole_dataframe(run)
    expectations = context.suites.add(gx.ExpectationSuite(name=suite, expectations=list(rules)))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=suite, data=batch, suite=expectations))
    outcome = definition.run(
        batch_parameters={"dataframe": table}, result_format=_RESULT_FORMAT, run_id=RunIdentifier(run_name=run)
    )
    record: dict[str, Any] = json.loads(json.dumps(outcome.to_json_dict()))  # type: ignore[no-untyped-call]
    return Examination(suite, tuple(_finding(result) for result in record["results"]))


def _context() -> EphemeralDataContext:
    """Return a context that stores nothing, draws no progress bars and sends no telemetry."""
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _finding(result: Mapping[str, Any]) -> Finding:
    config, found = result["expectation_config"], result["result"]
    trouble = _exception(result["exception_info"])
    success = result["success"] and trouble is None
    observed = found.get("observed_value", found.get("unexpected_count"))
    return Finding(
        rule=config["description"],
        type=config["type"],
        kwargs={name: value for name, value in config["kwargs"].items() if name != "batch_id"},
        severity=config["severity"],
        asked=trouble is None,
        success=success,
        observed=trouble or observed,
        found="" if success else _word(config, found, observed, trouble),
        reason=config["meta"].get("reason", ""),
        rows=tuple(found.get("unexpected_index_list") or ()),
        examined=found.get("element_count"),
        examples=_count(found.get("unexpected_list") or ()),
    )


def _word(config: Mapping[str, Any], found: Mapping[str, Any], observed: object, trouble: str | None) -> str:
    if trouble is not None:
        return f"'{config['description']}' could not be examined: {trouble}"
    if observed is None:
        return f"'{config['description']}' has no values to examine"
    examples = ", ".join(value for value, _ in _count(found.get("unexpected_list") or ()))
    return str(config["meta"]["found"].format(observed=observed, examples=examples))


def _count(values: Iterable[object]) -> tuple[tuple[str, int], ...]:
    """Count the most frequent values; missing values are not counted."""
    return tuple(Counter(str(value) for value in values if value is not None).most_common(_MOST_EXAMPLES))


def _exception(info: Mapping[str, Any]) -> str | None:
    """Return the first error message of `exception_info`, or None.

    `exception_info` is one record, or one record for each metric that could not be computed.
    """
    records = [info] if "raised_exception" in info else list(info.values())
    messages = [record["exception_message"] for record in records if record["raised_exception"]]
    return str(messages[0]) if messages else None
