"""A real Prometheus and Alertmanager for one test, and a receiver of alerts."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from support.observability import INFRA
from truegrain_rig.process import await_answer, free_ports, running

RULES: Final = sorted((INFRA / "prometheus" / "rules").glob("*.yml"))
ALERTMANAGER: Final = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
"""The program under Debian's name, or under its own."""

START_SECONDS: Final = 60.0
_ANY_PATH: Final = re.compile(".*")


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the present series of an expression."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


class Told:
    """A receiver for Alertmanager: `alerts` holds each fired alert with its channel, as in ('ServiceDown', 'slack')."""

    def __init__(self) -> None:
        self.alerts: set[tuple[str, str]] = set()

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen on a free port until the block ends; yield its address."""

        def hear(request: Request) -> Response:
            self.alerts.update(_read(json.loads(request.data)))
            return Response("ok")

        with HTTPServer("127.0.0.1") as server:
            server.expect_request(_ANY_PATH, method="POST").respond_with_handler(hear)
            yield server.url_for("").rstrip("/")


def _read(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for message in body.get("attachments", ()):
        if found := re.fullmatch(r"\[firing, page\] (\w+)", message["title"]):
            yield found[1], "slack"
    for alert in body.get("alerts", ()):
        if alert["status"] == "firing":
            yield alert["labels"]["alertname"], "webhook"


@contextmanager
def exporting(page: str) -> Iterator[str]:
    """Export a page of metrics on a free port; yield its address."""
    with HTTPServer("127.0.0.1") as server:
        server.expect_request("/metrics").respond_with_data(page, content_type="text/plain; version=0.0.4")
        yield server.url_for("").rstrip("/")


def hurried(rules: str) -> str:
    """Return the rules with time thirty times as fast, and with an alert's waiting time divided by 600."""
    waits = re.sub(r"(?<=for: )(\d+)m", lambda found: f"{100 * int(found[1])}ms", rules)
    return re.sub(r"(?<=\[)(\d+)m(?=\])", lambda found: f"{2 * int(found[1])}s", waits)


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, str], *, alertmanager: str) -> Iterator[Prometheus]:
    """Scrape the `targets` (addresses by job) every two seconds, and apply our rules, hurried."""
    folder.mkdir()
    for path in RULES:
        (folder / path.name).write_text(hurried(path.read_text()))
    config = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "1s"},
        "rule_files": [f"{folder}/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [address.removeprefix("http://")]}]}
            for job, address in targets.items()
        ],
    }
    (folder / "config").write_text(yaml.safe_dump(config))
    [port] = free_ports(1)
    command = ["prometheus", f"--config.file={folder}/config", f"--storage.tsdb.path={folder}/data"]
    with _running([*command, f"--web.listen-address=127.0.0.1:{port}"], f"http://127.0.0.1:{port}/-/ready", folder):
        yield Prometheus(f"http://127.0.0.1:{port}")


@contextmanager
def alertmanager(folder: Path, *, address: str) -> Iterator[str]:
    """Run Alertmanager with our configuration; pages go to Slack, tickets to a webhook, and `address` plays both."""
    folder.mkdir()
    secrets, templates = folder / "secrets", INFRA / "alertmanager" / "templates"
    secrets.mkdir()
    for name, secret in (("slack_url", address), ("webhook_token", "secret")):
        (secrets / name).write_text(secret)
    text = (INFRA / "alertmanager" / "alertmanager.yml").read_text()
    text = text.replace("/etc/alertmanager/secrets", str(secrets)).replace(
        "/etc/alertmanager/templates", str(templates)
    )
    config = yaml.safe_load(text.replace("http://localhost:9095/alerts", address))
    config["route"] |= {"receiver": "webhook", "group_wait": "0s"}
    config["route"]["routes"][0]["receiver"] = "slack"
    (folder / "config").write_text(yaml.safe_dump(config))
    [port] = free_ports(1)
    command = [str(ALERTMANAGER), f"--config.file={folder}/config", f"--storage.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with _running(command, f"http://127.0.0.1:{port}/-/ready", folder):
        yield f"127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], ready: str, folder: Path) -> Iterator[None]:
    with running(command, log=folder / "log") as process:
        await_answer(ready, process, folder / "log", seconds=START_SECONDS)
        yield
