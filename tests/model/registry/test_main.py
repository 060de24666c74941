from collections.abc import Callable

import pytest

from model.registry import ModelVersion, Registry
from model.registry.__main__ import main

Add = Callable[..., ModelVersion]


@pytest.fixture(autouse=True)
def environment(
    models: Registry, mlflow_server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEGRAIN_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("TRUEGRAIN_MODEL_NAME", request.node.name)
    monkeypatch.setenv("TRUEGRAIN_LOCK", str(models._connection.lock))


def test_every_command_prints_the_history(add: Add, capsys: pytest.CaptureFixture[str]) -> None:
    add(), add("failed")
    assert main(["promote", "1", "--reason", "the first"]) == 0
    assert main(["promote", "2", "--override", "--reason", "nothing else"]) == 0
    assert main(["rollback", "--reason", "worse"]) == 0
    capsys.readouterr()
    assert main(["history"]) == main(["repair"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == lines[3:]
    assert [line.split()[2:6] for line in lines[:3]] == [
        ["promotion", "-", "->", "1"],
        ["override", "1", "->", "2"],
        ["rollback", "2", "->", "1"],
    ]
    assert [line.rpartition(": ")[2] for line in lines[:3]] == ["the first", "nothing else", "worse"]


def test_a_refusal_is_a_sentence_and_an_exit_status(add: Add, capsys: pytest.CaptureFixture[str]) -> None:
    add("failed")
    assert main(["promote", "1", "--reason", "I like it"]) == 1
    assert "the gate says 'failed'" in capsys.readouterr().err
