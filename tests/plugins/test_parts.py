"""What passes between the tasks that plan an ingestion and those that collect it."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.errors import SourceError
from truegrain_airflow.parts import collect_part, plan_parts

NOW = datetime(2026, 11, 2, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path))
    monkeypatch.setenv("TRUEGRAIN_SOURCE", "synthetic?images=4&size=32")
    return tmp_path


def test_planned_parts_are_plain_json_and_are_collected_from_it(caplog: pytest.LogCaptureFixture) -> None:
    parts = plan_parts("", 2)
    sent = json.loads(json.dumps(parts))
    assert [(part["number"], part["of"]) for part in sent] == [(1, 2), (2, 2)]
    with caplog.at_level(logging.INFO, logger="truegrain.ingest"):
        brought = [collect_part(part, NOW) for part in sent]
    assert all("added=" in each for each in brought)
    assert [message.partition(":")[0] for message in caplog.messages] == ["part 1 of 2", "part 2 of 2"]
    assert all(message.endswith(" new") for message in caplog.messages)


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
