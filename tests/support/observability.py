"""Reads the queries of the rules, the dashboards and the runbook from their files."""

import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import yaml

from support.metrics import grouping, labels, metric, selectors

INFRA: Final = Path(__file__).parents[2] / "infra"
RUNBOOK: Final = (INFRA / "docs" / "operate" / "on-call.md").read_text()
RULES: Final[list[dict[str, Any]]] = [
    rule
    for path in sorted((INFRA / "prometheus" / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS: Final = {rule["alert"]: rule for rule in RULES if "alert" in rule}
DASHBOARDS: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((INFRA / "grafana" / "dashboards").glob("*.json"))
}
PANELS: Final = [panel for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]]
FREE: Final = set(re.findall(r"^\| `(\w+)` \|", RUNBOOK, flags=re.MULTILINE))
"""Metrics that the runbook lists as unused."""

AIRFLOW_PAGE: Final = """\
airflow_ti_finish{dag_id="ingest_images",task_id="plan",state="success"} 3
airflow_ti_finish{dag_id="ingest_images",task_id="plan",state="failed"} 1
airflow_dagrun_duration_success{dag_id="ingest_images",quantile="0.99"} 12.5
airflow_scheduler_heartbeat 100
airflow_dag_processor_heartbeat 100
airflow_triggerer_heartbeat 100
"""
"""Some of Airflow's metrics as the StatsD exporter shows them."""


@dataclass(frozen=True)
class Query:
    """An expression with the name of its place, and the labels that the place uses in addition to the expression."""

    where: str
    expression: str
    shown: frozenset[str]

    @property
    def selectors(self) -> set[str]:
        """The selectors of the expression."""
        return selectors(self.expression)

    @property
    def metrics(self) -> set[str]:
        """The metrics that the expression needs."""
        return {metric(selector) for selector in self.selectors}


def _queries() -> list[Query]:
    found = []
    for rule in RULES:
        texts = " ".join(rule.get("annotations", {}).values())
        shown = frozenset(re.findall(r"\$labels\.(\w+)", texts))
        found.append(Query(rule.get("alert") or rule["record"], rule["expr"], shown))
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                shown = frozenset(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
                found.append(Query(f"{name}: {panel['title']}", target["expr"], shown))
    return found


QUERIES: Final = _queries()


def airflows_own() -> dict[str, set[str]]:
    """Return every metric that the installed Airflow lists, named as the StatsD exporter does, with its labels."""
    spec = find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    timers = {"timer": {"quantile"}}
    return {
        f"airflow_{each['name'].replace('.', '_')}": set(each["name_variables"]) | timers.get(each["type"], set())
        for each in yaml.safe_load(path.read_text())["metrics"]
    }


def named_labels(query: Query) -> set[str]:
    """Return every label that a query uses."""
    return set(query.shown) | grouping(query.expression) | {name for s in query.selectors for name in labels(s)}
