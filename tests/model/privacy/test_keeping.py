"""Kept data are counted by client without a change; and the operator's commands."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model.dataset.kept_out import REPORTED
from model.dataset.lake import Lake
from model.dataset.shards import ERASED
from model.dataset.tombstones import record
from model.feedback.reports import ANONYMOUS
from model.monitoring.database import opened
from model.monitoring.predictions import add, prepare
from model.privacy.__main__ import main
from model.privacy.keeping import look
from model.settings import Settings
from model.sources.reports import REJECTED
from model.sources.reports import SOURCE as REPORTS
from support.monitoring import predict
from support.small_images import NOW, collect, labelled, many
from support.user_reports import say, write_said

Told = Callable[..., str]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRUEGRAIN_TRACKING_URI", "http://127.0.0.1:1")
    return Settings(home=tmp_path / "home")


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """`told("report")` returns the output of the command."""

    def call(*arguments: str, status: int = 0) -> str:
        assert main(arguments) == status
        out, error = capsys.readouterr()
        return error if status else out

    return call


def fill(settings: Settings) -> None:
    lake = Lake(settings.lake_url)
    collect(lake, [*many(3), replace(labelled(9, "ai"), source=REPORTS)], now=NOW)
    write_said(lake.root, say("ada"), labelled(9, "ai").data)
    write_said(lake.root, say("ada", kept=False, review=REJECTED), labelled(8, "ai").data)
    write_said(lake.root, say(ANONYMOUS), labelled(7, "ai").data)
    record(lake, ["0" * 64, "1" * 64], reason="taken back", now=NOW, scope=REPORTED, erase=True)
    (settings.home / "cache").mkdir()
    (settings.home / "cache" / "v-train-32.npy").write_bytes(b"1234")
    with opened(settings.predictions_url) as engine:
        prepare(engine)
        add(engine, [replace(predict(number, days_ago=number), client="ada") for number in range(3)])


def test_everybody_of_whom_anything_is_kept_is_named_with_what_it_is(settings: Settings) -> None:
    fill(settings)
    kept = look(settings)
    ada, anonymous = kept.clients["ada"], kept.clients[ANONYMOUS]
    assert (ada.predictions, ada.reports, ada.waiting, ada.pictures) == (3, 2, 1, 1)
    assert ada.newest is not None
    assert ada.oldest is not None
    assert ada.newest - ada.oldest == pytest.approx(timedelta(days=2), abs=timedelta(seconds=5))
    assert ada.bytes > len(labelled(9, "ai").data) / 2
    assert (anonymous.predictions, anonymous.reports, anonymous.oldest) == (0, 1, None)
    assert (kept.images_from_reports, kept.tombstones, kept.to_erase) == (1, 2, 2)
    assert (kept.caches, kept.cache_bytes) == (1, 4)
    assert kept.settings["TRUEGRAIN_PREDICTION_DAYS"] == 30


def test_looking_makes_nothing(settings: Settings) -> None:
    kept = look(settings)
    assert (kept.clients, kept.tombstones) == ({}, 0)
    assert not settings.home.exists()


def test_the_command_says_it_to_a_person_and_to_a_program(settings: Settings, told: Told) -> None:
    assert "nothing is kept about any client" in told("report")
    fill(settings)
    text = told("report")
    assert "ada: 3 predictions" in text
    assert "2 reports (1 wait, 1 with picture)" in text
    assert "TRUEGRAIN_PREDICTION_DAYS=30" in text
    found: dict[str, Any] = json.loads(told("report", "--json"))
    assert found["clients"]["ada"]["reports"] == 2


def test_an_image_is_forgotten_by_its_sum_and_the_rest_stays(settings: Settings, told: Told) -> None:
    """MLflow is searched even for an image in no dataset version, since it may hold one anyway."""
    fill(settings)
    lake = Lake(settings.lake_url)
    with opened(settings.predictions_url) as engine:
        add(engine, [replace(predict(7), image_sha256="2" * 64)])
    text = told("forget", "--sha256", "2" * 64, "--reason", "asked for")
    assert "1 predictions deleted" in text
    assert "not in the lake, and kept out from now on: 2222" in text
    assert look(settings).clients["ada"].predictions == 3
    assert not (lake.facts()["decode_error"] == ERASED).any()


def test_what_is_no_sum_is_refused_with_the_reason(settings: Settings, told: Told) -> None:
    assert "no SHA-256 sum" in told("forget", "--sha256", "abc", "--reason", "asked for", status=1)
    assert "say why" in told("forget", "--sha256", "0" * 64, "--reason", " ", status=1)
    assert not (Path(settings.lake_url) / "tombstones.parquet").exists()


def test_without_mlflow_the_image_is_kept_out_and_the_rest_is_left_to_the_next_call(
    settings: Settings, told: Told
) -> None:
    fill(settings)
    lake = Lake(settings.lake_url)
    sha256 = str(lake.facts()["sha256"][0])
    assert "does not answer" in told("forget", "--sha256", sha256, "--reason", "asked for", status=1)
    facts = lake.facts().set_index("sha256")
    assert facts.loc[sha256, "decode_error"] == ERASED
    assert look(settings).to_erase == 3
