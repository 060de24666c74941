"""Rules, dashboards, receivers and the runbook fit each other and the programs that they watch."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from model.monitoring import drift_history, predictions
from model.monitoring.database import open_database
from support.metrics import labels, metric
from support.monitoring import found, predict
from support.observability import (
    AIRFLOW_PAGE,
    ALERTS,
    DASHBOARDS,
    INFRA,
    PANELS,
    QUERIES,
    RUNBOOK,
    airflows_own,
    named_labels,
)
from support.postgresql import NEEDS_POSTGRESQL, running_postgresql

PROMETHEUS = INFRA / "prometheus"
GIVEN_BY_PROMETHEUS = {"job", "instance"}
NEEDS_PROMTOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
NEEDS_AMTOOL = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")


def run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@NEEDS_PROMTOOL
def test_prometheus_accepts_its_configuration_and_the_rules_it_names() -> None:
    run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


@NEEDS_PROMTOOL
def test_every_rule_does_what_its_tests_say() -> None:
    run("promtool", "test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))


def test_every_alert_is_tested_firing_and_silent() -> None:
    firing, silent = set(), set()
    for path in (PROMETHEUS / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("alert_rule_test", ()):
                (firing if case.get("exp_alerts") else silent).add(case["alertname"])
    assert firing == set(ALERTS)
    assert set(ALERTS) - silent <= {"FollowerSilent"}, "of three services one is silent in its test"


@NEEDS_AMTOOL
def test_alertmanager_accepts_its_configuration() -> None:
    run("amtool", "check-config", INFRA / "alertmanager" / "alertmanager.yml")


@NEEDS_AMTOOL
def test_every_message_that_receivers_send_can_be_written() -> None:
    texts = re.findall(r"\{\{ template .*? \}\}", (INFRA / "alertmanager" / "alertmanager.yml").read_text())
    assert len(texts) >= 6
    templates = INFRA / "alertmanager" / "templates" / "*.tmpl"
    for message in set(texts):
        run("amtool", "template", "render", f"--template.glob={templates}", f"--template.text={message}")


def test_no_secret_stands_in_alertmanagers_configuration() -> None:
    config = yaml.safe_load((INFRA / "alertmanager" / "alertmanager.yml").read_text())
    named = {receiver["name"] for receiver in config["receivers"]}
    assert named == {"nobody", "slack", "pagerduty", "email", "webhook"}
    secret = {"api_url", "routing_key", "service_key", "smtp_auth_password", "auth_password", "credentials"}
    assert secret.isdisjoint(keys(config))


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_who_is_inhibited_exists() -> None:
    config = yaml.safe_load((INFRA / "alertmanager" / "alertmanager.yml").read_text())
    text = yaml.safe_dump(config["inhibit_rules"])
    named = set(re.findall(r"[A-Z][a-z]+[A-Z]\w+", text))
    assert named
    assert named <= set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["runbook"] == f"infra/docs/operate/on-call.md#{name.lower()}"
    section = RUNBOOK.split(f"\n## {name}\n")[1].split("\n## ")[0]
    for heading in ("**Means**", "**Look**", "**Do**"):
        assert heading in section
    assert f"| [{name}](#{name.lower()}) | {alert['labels']['severity']} |" in RUNBOOK


def test_the_runbook_knows_no_alert_that_does_not_exist() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOK, flags=re.MULTILINE)
    assert sections == list(dict.fromkeys(sections))
    assert set(sections) == set(ALERTS)
    anchors = set(re.findall(r"\]\(#(\w+)\)", RUNBOOK))
    assert anchors == {name.lower() for name in ALERTS}


def find_by_runbook(url: str, *, dialect: int) -> list[tuple[object, ...]]:
    """Return the clients of the last measurement's suspects, by the first or second query in the runbook."""
    engine = open_database(url)
    for table in (predictions, drift_history):
        table.prepare(engine)
    predictions.add(engine, [predict(1), predict(2), predict(3, client="somebody else")])
    drift_history.add(engine, found(suspects=(predict(3).id,), minutes_ago=2))
    drift_history.add(engine, found(suspects=tuple(predict(number).id for number in (1, 2)), minutes_ago=1))
    drift_history.add(engine, found("ok"))
    queries = re.findall(r"^    (SELECT client.*?)\n\n", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(queries[dialect]))]
    engine.dispose()
    return rows


def test_the_query_for_suspects_finds_who_sent_them(tmp_path: Path) -> None:
    assert find_by_runbook(f"sqlite:///{tmp_path / 'predictions.db'}", dialect=0) == [("shop", "JPEG", 1600, 1200, 2)]


@NEEDS_POSTGRESQL
def test_the_query_for_suspects_in_postgresql_does_so_too() -> None:
    with running_postgresql() as server:
        assert find_by_runbook(server.url, dialect=1) == [("shop", "JPEG", 1600, 1200, 2)]


def test_there_are_panels_enough_and_each_is_told_from_the_others() -> None:
    assert set(DASHBOARDS) == {"service", "detector", "drift", "pipeline"}
    assert len(PANELS) >= 20
    assert max(Counter(panel["title"] for panel in PANELS).values()) == 1
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap_and_say_in_what_unit_they_are(name: str) -> None:
    taken: Counter[tuple[int, int]] = Counter()
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken.update(
            (place["x"] + across, place["y"] + down) for across in range(place["w"]) for down in range(place["h"])
        )
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    assert max(taken.values()) == 1


def test_what_is_asked_of_airflow_is_what_airflow_sends() -> None:
    own = airflows_own()
    asked = {(selector, query) for query in QUERIES for selector in query.selectors if selector.startswith("airflow_")}
    assert asked
    for selector, query in asked:
        assert named_labels(query) - GIVEN_BY_PROMETHEUS <= own[metric(selector)], query.where
    for line in AIRFLOW_PAGE.splitlines():
        assert labels(line) <= own[metric(line.partition(" ")[0])], line
