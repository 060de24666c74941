"""The reference says what the code says, and the pages written by hand name nothing that does not exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from model.monitoring.terms import ATTRIBUTIONS, CAUSES
from model.settings import CLIENT_KEY, CLIENT_URL, PREFIX, Settings
from model.training.config import recipes
from service.answers.problems import PROBLEMS
from service.status.drift import SILENT
from truegrain_bench.results.catalog import MEANING
from truegrain_docs.__main__ import REFERENCE, written

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "infra" / "docs"
BY_HAND = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    *sorted(path for path in DOCS.rglob("*.md") if not {"build", "reference", "decisions"} & set(path.parts)),
]


@cache
def generated() -> dict[Path, str]:
    return written()


@cache
def page(name: str) -> str:
    return generated()[REFERENCE / f"{name}.md"]


def test_every_page_of_the_reference_is_as_the_code_makes_it() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in generated().items() if path.read_text() != text]
    assert stale == [], "run `make docs`"


def test_the_reference_has_no_page_that_the_code_does_not_make() -> None:
    assert set(REFERENCE.rglob("*.md")) - generated().keys() == {REFERENCE / "index.md"}


def first_cells(name: str) -> list[str]:
    return re.findall(r"^\| \[?`?([^`|\]]+)`?\]?.*?\|", page(name), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("settings", set(Settings.variables())),
        ("problems", set(PROBLEMS)),
    ],
)
def test_each_name_stands_once_in_its_table(name: str, known: set[str]) -> None:
    cells = [cell for cell in first_cells(name) if cell in known]
    assert sorted(cells) == sorted(known)


def test_every_measured_figure_stands_once_on_the_page_of_figures() -> None:
    named = re.findall(r"\| `([a-z_0-9]+\.[a-z_0-9]+)`,", page("figures"))
    assert len(named) == len(set(named))
    assert set(named) <= MEANING.keys()


def names(pattern: str) -> Iterator[tuple[Path, str]]:
    for path in BY_HAND:
        for found in re.findall(pattern, path.read_text()):
            yield path.relative_to(ROOT), found


def test_every_setting_that_a_page_names_exists() -> None:
    known = {*Settings.variables(), f"{PREFIX}REVISION", CLIENT_KEY, CLIENT_URL}
    assert [(path, name) for path, name in names(rf"\b{PREFIX}[A-Z_]+\b") if name not in known] == []


def test_every_endpoint_that_a_page_names_exists() -> None:
    served = set(re.findall(r"`((?:GET|POST|DELETE) [^`]+)`", page("endpoints")))
    assert [each for each in names(r"`((?:GET|POST|DELETE) /[^`?]*)") if each[1] not in served] == []


def test_every_metric_that_a_page_names_exists() -> None:
    exported = set(re.findall(r"^\| `(truegrain_\w+)`", page("metrics"), flags=re.MULTILINE))
    rooms = {path.name for path in (ROOT / "infra").glob("truegrain_*")}
    for path, name in names(r"\b(truegrain_[a-z_]+\*?)"):
        prefix = name.removesuffix("*")
        exists = any(metric.startswith(prefix) if name.endswith("*") else metric == name for metric in exported)
        assert exists or name in rooms, f"{path}: {name}"


def test_every_figure_that_a_page_names_was_measured() -> None:
    known = MEANING.keys()
    prefixes = "|".join(sorted({name.partition(".")[0] for name in known}))
    named = names(rf"`((?:{prefixes})\.(?!json\b)[a-z_0-9]+)`")
    assert [each for each in named if each[1] not in known] == []


def test_every_cause_and_attribution_of_drift_is_explained_once() -> None:
    text = (DOCS / "operate" / "drift.md").read_text()
    causes = re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)
    assert sorted(causes) == sorted({*CAUSES, SILENT.cause, *ATTRIBUTIONS} - {"none"})


def test_every_dag_is_in_the_table_of_what_runs_when() -> None:
    files = {path.stem for path in (ROOT / "dags").glob("*.py")}
    assert set(re.findall(r"^\| `(\w+)` \|", (DOCS / "train" / "pipeline.md").read_text(), flags=re.MULTILINE)) == files
    assert set(re.findall(r"^## (\w+)$", page("dags"), flags=re.MULTILINE)) == files


def test_every_recipe_is_in_the_table_of_recipes() -> None:
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "train" / "training.md").read_text(), flags=re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == recipes()


def test_the_example_file_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for name, field in Settings.model_fields.items():
        assert f"#{PREFIX}{name.upper()}={field.default}" in lines
        assert f"# {field.description}" in lines
    listed = {line[1:].partition("=")[0] for line in lines if line.startswith(f"#{PREFIX}")}
    assert listed == set(Settings.variables())
