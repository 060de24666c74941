"""What the tasks of an ingestion pass to each other, and where the images end up."""

import contextlib
import json
import logging
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from pytest_httpserver import HTTPServer

from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.errors import SourceError, ValidationFailed
from model.sources.reports import SOURCE as REPORTS
from support.small_images import collect, labelled, many
from support.user_reports import say, write_said
from truegrain_airflow import forms, ingest_images
from truegrain_airflow.assets import DATASET

NOW = datetime(2026, 11, 2, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path))
    monkeypatch.setenv("TRUEGRAIN_SOURCE", "synthetic?images=4&size=32")
    return tmp_path


@pytest.fixture(autouse=True)
def form(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The form of the run, empty at first."""
    fields: dict[str, Any] = {"source": None, "parts": None, "exclude": None, "dry_run": False}
    context = {
        "params": fields,
        "dag_run": SimpleNamespace(run_after=NOW),
        "triggering_asset_events": {DATASET: [SimpleNamespace(extra={"drift": "a dense group"})]},
    }
    for module in (forms, ingest_images):
        monkeypatch.setattr(module, "get_current_context", lambda: context)
    return fields


def test_planned_parts_are_plain_json_and_are_collected_from_it(
    form: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    form["parts"] = 2
    with caplog.at_level(logging.INFO, logger="truegrain.ingest"):
        sent = json.loads(json.dumps(ingest_images.plan()))
        brought = [ingest_images.collect(part) for part in sent]
    assert [(part["number"], part["of"]) for part in sent] == [(1, 2), (2, 2)]
    assert all("added=" in each for each in brought)
    settled, planned, *collected = caplog.messages
    assert settled == "0 images accepted by agreement"
    assert planned == "anything new in ['synthetic?images=4&size=32']: 2 parts to collect"
    assert [message.partition(":")[0] for message in collected] == ["part 1 of 2", "part 2 of 2"]
    assert sum(int(message.split()[-2]) for message in collected) == 4


def test_what_users_agree_on_by_now_comes_in_with_every_source(home: Path, form: dict[str, Any]) -> None:
    form["parts"] = 1
    lake = Lake(str(home / "lake"))
    for client in ("ada", "bob", "cyd"):
        write_said(lake.root, say(client), labelled(1, "ai").data)
    (part,) = ingest_images.plan()
    ingest_images.collect(part)
    assert (lake.facts()["source"] == REPORTS).sum() == 1


@pytest.mark.parametrize("parts", [None, 0])
def test_without_a_number_there_is_one_part_a_core(form: dict[str, Any], parts: int | None) -> None:
    form["parts"] = parts
    assert len(ingest_images.plan()) == os.cpu_count()


def test_the_source_that_is_named_overrules_the_settings(home: Path, form: dict[str, Any]) -> None:
    declaration = home / "sources.toml"
    declaration.write_text('[sources.drawn]\nlocation = "synthetic?images=2&size=32"\nlicence = "ours"\n')
    form |= {"source": f" {declaration}\n", "parts": 1}
    (part,) = ingest_images.plan()
    assert part["sources"][0] == {
        "location": "synthetic?images=2&size=32", "name": "drawn", "licence": "ours", "generator": None,
        "neutralise": False, "hold_out": (),
    }  # fmt: skip
    form["source"] = str(home / "nowhere")
    with pytest.raises(SourceError, match="does not exist"):
        ingest_images.plan()


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch, form: dict[str, Any]) -> dict[str, Any]:
    """What a task of a dry run leaves as XComs."""
    form["dry_run"] = True
    xcoms: dict[str, Any] = {}
    context = {"params": form, "ti": SimpleNamespace(xcom_push=xcoms.__setitem__)}
    for module in (forms, ingest_images):
        monkeypatch.setattr(module, "get_current_context", lambda: context)
    return xcoms


def test_a_dry_run_says_what_the_source_holds_and_writes_nothing(
    home: Path, left: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="truegrain.ingest"), pytest.raises(AirflowSkipException, match="dry run"):
        ingest_images.plan()
    assert "synthetic?images=4&size=32: would be ingested" in caplog.text
    assert [source["images"] for source in left["preview"]] == [4]
    assert json.dumps(left["preview"])
    with pytest.raises(AirflowSkipException, match="assembles nothing"):
        ingest_images.assemble()
    assert list(home.iterdir()) == []


def test_a_dry_run_of_a_source_that_would_be_refused_fails(
    home: Path, form: dict[str, Any], left: dict[str, Any]
) -> None:
    form["source"] = str(home / "nowhere")
    with pytest.raises(SourceError, match="does not exist"):
        ingest_images.plan()
    assert left["preview"][0]["verdict"] == "Cannot be read"


def test_a_secret_in_the_source_reaches_the_server_and_neither_the_log_nor_other_tasks(
    home: Path, form: dict[str, Any], httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "shop" / "ai").mkdir(parents=True)
    (home / "shop" / "ai" / "1.png").write_bytes(labelled(1, "ai").data)
    packed = Path(shutil.make_archive(str(home / "shop"), "zip", home / "shop")).read_bytes()
    httpserver.expect_request("/x.zip", query_string="sig=PRESIGNED").respond_with_data(packed)
    form |= {"source": httpserver.url_for("/x.zip?sig=PRESIGNED").replace("://", "://alice:s3cret@"), "parts": 1}
    with caplog.at_level(logging.INFO):
        (part,) = ingest_images.plan()
        assert "added=1" in ingest_images.collect(part)
    logged = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]  # this is the server
    for told in (json.dumps(part), *logged):
        assert "s3cret" not in told
        assert "PRESIGNED" not in told


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
        assert ingest_images.validate(version) == version
    docs = lake.version_path(version) / "docs"
    assert verdict in (docs / "version.html").read_text()
    assert 'href="version.html"' in (docs / "index.html").read_text()


@pytest.mark.usefixtures("without_plots")
def test_a_published_version_keeps_its_page(home: Path) -> None:
    lake = Lake(str(home / "lake"))
    collect(lake, many(400, format_="BMP"), now=NOW)
    version = assemble(lake, today=NOW.date())
    ingest_images.validate(version)
    publish(lake, version)
    page = lake.version_path(version) / "docs" / "version.html"
    page.write_text("as it was")
    assert ingest_images.validate(version) == version
    assert page.read_text() == "as it was"


def test_a_validation_that_breaks_off_leaves_a_page_without_a_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(home / "lake"))
    collect(lake, many(8, format_="BMP"), now=NOW)
    version = assemble(lake, today=NOW.date())
    monkeypatch.setattr("expectations.dataset.examine", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ingest_images.validate(version)
    assert "Not validated yet" in (lake.version_path(version) / "docs" / "version.html").read_text()
