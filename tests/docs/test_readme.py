"""README's tables agree with the code."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from model.monitoring.terms import CAUSES
from model.settings import PREFIX, Settings
from service.app import create_app
from service.status.drift import SILENT
from truegrain_bench.results import results
from truegrain_bench.results.catalog import MEANING
from truegrain_bench.results.published import comparison

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under `heading`, without its header row."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines[2:]]


def dags() -> dict[str, set[str]]:
    """Return the tasks of every DAG by its file: each task is a function `tasks.<name>` of the plugin."""
    files = (ROOT / "dags").glob("*.py")
    return {path.stem: set(re.findall(r"\btasks\.(\w+)", path.read_text())) for path in files}


def test_every_dag_is_in_the_table_with_its_tasks() -> None:
    table = {name.strip("`"): set(re.findall(r"`(\w+)`", tasks)) for name, _, tasks in rows("What runs when")}
    assert table == dags()


def test_every_endpoint_is_in_the_table(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    served = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if "static" not in rule.endpoint
    }
    assert {endpoint.strip("`") for endpoint, _ in rows("The service")} == served


def test_every_cause_of_unknown_drift_is_in_the_table() -> None:
    named = [re.findall(r"`(\w+)`", cell) for cell, _ in rows("When traffic drifts")]
    assert {cause for causes in named for cause in causes} == {*CAUSES, SILENT.cause}


def test_every_setting_is_in_the_table_with_its_default_and_meaning() -> None:
    expected = [
        [
            f"`{PREFIX}{name.upper()}`",
            f"`{field.default}`" if field.default != "" else "",
            (field.description or "").replace("<", "\\<"),
        ]
        for name, field in Settings.model_fields.items()
    ]
    assert rows("Settings") == expected


def test_the_example_file_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for name, field in Settings.model_fields.items():
        assert f"#{PREFIX}{name.upper()}={field.default}" in lines
        assert f"# {field.description}" in lines
    listed = {line[1:].partition("=")[0] for line in lines if line.startswith(f"#{PREFIX}")}
    assert listed == set(Settings.variables())


@pytest.mark.parametrize(
    ("part", "write"), [("figures", lambda measured: results.table(measured, MEANING)), ("comparison", comparison)]
)
def test_the_figures_are_those_that_were_measured(
    part: str, write: Callable[[Mapping[str, results.Result]], str]
) -> None:
    begin, end = results.markers(part)
    shown = README.split(begin)[1].split(end)[0].strip()
    assert shown == write(results.read(ROOT / "infra" / "bench" / "results.json"))


def test_every_measured_figure_has_a_meaning() -> None:
    assert results.read(ROOT / "infra" / "bench" / "results.json").keys() <= MEANING.keys()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_every_file_a_document_links_to_exists(document: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    documents = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", documents, flags=re.MULTILINE))
    assert named <= targets
