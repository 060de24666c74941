import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from model.errors import RegistryError
from model.registry import Registry

Write = Callable[..., Path]


def test_a_dataset_is_an_input_of_its_run_once_however_often_it_is_logged(models: Registry) -> None:
    schema = pa.schema([pa.field("sha256", pa.string(), nullable=False), pa.field("width", pa.int32())])
    run_id: str | None = None
    for _ in range(2):
        with models.run("train", params={}, run_id=run_id) as run:
            run.log_dataset("2026-01", digest="0123", source="s3://lake/2026", schema=schema, profile={"images": 3})
        run_id = run.id
    (logged,) = models.client.get_run(run.id).inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest, logged.dataset.source_type) == ("2026-01", "0123", "s3")
    assert json.loads(logged.dataset.profile) == {"images": 3}
    assert json.loads(logged.dataset.schema)["mlflow_colspec"] == [
        {"type": "string", "name": "sha256", "required": True},
        {"type": "integer", "name": "width", "required": False},
    ]
    assert [(tag.key, tag.value) for tag in logged.tags] == [("mlflow.data.context", "training")]


def test_a_run_keeps_what_is_logged_to_it(models: Registry, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "page.html").write_text("<p>")
    with models.run("train", params={"epochs": 3}, tags={"recipe": "quick"}) as run:
        run.log_metrics({"loss": 0.5}, step=1)
        run.log_metrics({"loss": 0.25}, step=2)
        run.log_folder(tmp_path / "report", "report")
    logged = models.client.get_run(run.id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params == {"epochs": "3"}
    assert logged.data.tags["recipe"] == "quick"
    assert [m.value for m in models.client.get_metric_history(run.id, "loss")] == [0.5, 0.25]
    assert models.read_file(run.id, "report/page.html") == b"<p>"


def test_a_run_that_fails_is_marked_failed_and_can_be_resumed(models: Registry) -> None:
    with pytest.raises(ZeroDivisionError), models.run("train", params={"epochs": 3}) as run:
        raise ZeroDivisionError
    assert models.client.get_run(run.id).info.status == "FAILED"
    with models.run("train", params={"epochs": 3}, run_id=run.id) as resumed:
        assert models.client.get_run(run.id).info.status == "RUNNING"
    assert resumed.id == run.id
    assert models.client.get_run(run.id).info.status == "FINISHED"


def test_of_several_files_those_are_returned_that_were_logged(models: Registry, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "page.html").write_text("<p>")
    with models.run("train", params={}) as run:
        run.log_folder(tmp_path / "report")
    assert models.read_files(run.id, {"page.html": 10, "report.json": 10}) == {"page.html": b"<p>"}
    assert models.read_files("0" * 32, {"page.html": 10}) == {}
    with pytest.raises(RegistryError, match=r"'page\.html' of the run has 3 bytes, at most 2 are read"):
        models.read_files(run.id, {"page.html": 2})


def test_a_file_that_was_never_logged_is_none(models: Registry) -> None:
    with models.run("train", params={}) as run:
        pass
    assert models.read_file(run.id, "report.json") is None


@pytest.mark.parametrize("root", ["https://mlflow.example.org", "https://mlflow.example.org/"])
def test_a_file_of_a_run_has_an_address_for_browsers(models: Registry, root: str) -> None:
    with models.run("train", params={}) as run:
        pass
    address = models.page_address(run.id, "report.html", root=root)
    assert re.fullmatch(
        rf"https://mlflow\.example\.org/#/experiments/\d+/runs/{run.id}/artifacts/report\.html", address
    )


@pytest.mark.parametrize(
    "place", ["{folder}", "file://{folder}", "s3://somebody/else", "mlflow-artifacts:/../{folder}"]
)
def test_nothing_is_read_or_written_where_the_server_keeps_no_files(
    models: Registry, tmp_path: Path, request: pytest.FixtureRequest, place: str
) -> None:
    """Whoever may write to MLflow says where the files of an experiment are; its client would go anywhere."""
    (tmp_path / "page.html").write_text("<p>")
    elsewhere = replace(models, experiment=request.node.name)
    models.client.create_experiment(request.node.name, place.format(folder=tmp_path / "elsewhere"))
    keeps_none = pytest.raises(RegistryError, match="where this MLflow keeps none by itself")
    with keeps_none, elsewhere.run("train", params={}) as run:
        run.log_folder(tmp_path)
    with pytest.raises(RegistryError, match="where this MLflow keeps none by itself"):
        elsewhere.read_file(run.id, "page.html")
    with pytest.raises(RegistryError, match="where this MLflow keeps none by itself"):
        elsewhere.download(run.id, tmp_path / "fetched")
    assert not (tmp_path / "elsewhere").exists()
    assert run.id not in [found.id for found in models.runs()]
