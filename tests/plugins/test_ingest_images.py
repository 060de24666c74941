"""What passes between the tasks that plan an ingestion and those that collect it."""

import contextlib
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.errors import SourceError, ValidationFailed
from model.sources.reports import SOURCE as REPORTS
from support.fill_lake import collect
from support.small_images import labelled, many
from support.user_reports import say, write_said
from truegrain_airflow.ingest_images import collect_part, plan_parts, validate_version

NOW = datetime(2026, 11, 2, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path))
    monkeypatch.setenv("TRUEGRAIN_SOURCE", "synthetic?images=4&size=32")
    return tmp_path


def test_planned_parts_are_plain_json_and_are_collected_from_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="truegrain.ingest"):
        sent = json.loads(json.dumps(plan_parts("", 2)))
        brought = [collect_part(part, NOW) for part in sent]
    assert [(part["number"], part["of"]) for part in sent] == [(1, 2), (2, 2)]
    assert all("added=" in each for each in brought)
    settled, planned, *collected = caplog.messages
    assert settled == "0 images accepted by agreement"
    assert planned == "anything new in ['synthetic?images=4&size=32']: 2 parts to collect"
    assert [message.partition(":")[0] for message in collected] == ["part 1 of 2", "part 2 of 2"]
    assert sum(int(message.split()[-2]) for message in collected) == 4


def test_what_users_agree_on_by_now_comes_in_with_every_source(home: Path) -> None:
    lake = Lake(str(home / "lake"))
    for client in ("ada", "bob", "cyd"):
        write_said(lake.root, say(client), labelled(1, "ai").data)
    (part,) = plan_parts("", 1)
    collect_part(part, NOW)
    assert (lake.facts()["source"] == REPORTS).sum() == 1


def test_without_a_number_there_is_one_part_a_core() -> None:
    assert len(plan_parts("", 0)) == os.cpu_count()


def test_the_source_that_is_named_overrules_the_settings(home: Path) -> None:
    declaration = home / "sources.toml"
    declaration.write_text('[sources.drawn]\nlocation = "synthetic?images=2&size=32"\nlicence = "ours"\n')
    (part,) = plan_parts(str(declaration), 1)
    assert part["sources"][0] == {
        "location": "synthetic?images=2&size=32", "name": "drawn", "licence": "ours", "generator": None,
        "neutralise": False,
    }  # fmt: skip
    with pytest.raises(SourceError, match="does not exist"):
        plan_parts(str(home / "nowhere"), 1)


@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize(
    ("label", "success", "verdict"), [("ai", True, "May be trained on"), ("real", False, "Refused")]
)
def test_a_version_has_its_page_with_the_verdict_whether_accepted_or_refused(
    home: Path, label: str, success: bool, verdict: str
) -> None:
    lake = Lake(str(home / "lake"))
    images = [labelled(number, "real", format_="BMP") for number in range(1, 600, 2)]
    images += [labelled(number, label, format_="BMP") for number in range(600, 1_200, 2)]
    collect(lake, images, now=NOW)
    version = assemble(lake, today=NOW.date())
    with contextlib.nullcontext() if success else pytest.raises(ValidationFailed):
        assert validate_version(lake, version) == version
    docs = lake.version_path(version) / "docs"
    assert verdict in (docs / "version.html").read_text()
    assert 'href="version.html"' in (docs / "index.html").read_text()


@pytest.mark.usefixtures("without_plots")
def test_a_published_version_keeps_its_page(home: Path) -> None:
    lake = Lake(str(home / "lake"))
    collect(lake, many(400, format_="BMP"), now=NOW)
    version = assemble(lake, today=NOW.date())
    validate_version(lake, version)
    publish(lake, version)
    page = lake.version_path(version) / "docs" / "version.html"
    page.write_text("as it was")
    assert validate_version(lake, version) == version
    assert page.read_text() == "as it was"


def test_a_validation_that_breaks_off_leaves_a_page_without_a_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(home / "lake"))
    collect(lake, many(8, format_="BMP"), now=NOW)
    version = assemble(lake, today=NOW.date())
    monkeypatch.setattr("expectations.dataset.examine", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        validate_version(lake, version)
    assert "Not validated yet" in (lake.version_path(version) / "docs" / "version.html").read_text()
