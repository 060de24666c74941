"""The form of a run of `ingest_images` decides whether its dataset version holds built-in images."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates
from support.small_images import NOW, many
from truegrain_airflow import forms, ingest_images

Assemble = Callable[..., str]

DRAWN = "synthetic?images=12&size=32"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images, which are in the lake together with the built-in images."""
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path))
    folder = tmp_path / "mine"
    for image in many(10):
        path = folder / image.label / image.origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    context = {"params": {"parts": 1, "exclude": None, "dry_run": False}, "dag_run": SimpleNamespace(run_after=NOW)}
    for module in (forms, ingest_images):
        monkeypatch.setattr(module, "get_current_context", lambda: context)
    for source in (DRAWN, str(folder)):
        context["params"]["source"] = source
        for part in ingest_images.plan():
            ingest_images.collect(part)
    return folder


@pytest.fixture
def assemble(folder: Path) -> Assemble:  # noqa: ARG001 - the images have to be in the lake
    """Stage a version as a run with this form does."""

    def assemble_for(source: str, exclude: Sequence[str] = ()) -> str:
        forms.get_current_context()["params"] |= {"source": source, "exclude": list(exclude)}
        return ingest_images.assemble()

    return assemble_for


def sources_of(version: str, folder: Path) -> dict[str, int]:
    rows = read_candidates(Lake(str(folder.parent / "lake")), version)
    return rows["source"].value_counts().to_dict()


def test_a_run_that_names_another_source_does_without_the_demonstration(folder: Path, assemble: Assemble) -> None:
    assert sources_of(assemble(str(folder)), folder) == {"mine": 10}


@pytest.mark.parametrize("setting", ["", "synthetic", DRAWN])
def test_a_run_by_the_calendar_does_without_the_demonstration_which_the_settings_name_by_default(
    folder: Path, assemble: Assemble, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("TRUEGRAIN_SOURCE", setting)
    assert sources_of(assemble(""), folder) == {"mine": 10}


def test_a_run_that_names_the_built_in_source_has_both(
    folder: Path, assemble: Assemble, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="truegrain.ingest"):
        version = assemble(DRAWN)
    assert sources_of(version, folder) == {"synthetic": 12, "mine": 10}
    assert caplog.messages == [
        "the built-in images were asked for by name, so they stay in the version beside other sources"
    ]


def test_a_declaration_that_lists_the_built_in_source_has_both_each_time(
    folder: Path, assemble: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    declaration = folder.parent / "sources.toml"
    tables = {"mine": "mine", "drawn": DRAWN}
    entries = (f'[sources.{name}]\nlocation = "{location}"\nlicence = "ours"\n' for name, location in tables.items())
    declaration.write_text("".join(entries))
    monkeypatch.setenv("TRUEGRAIN_SOURCE", str(declaration))
    assert sources_of(assemble(""), folder) == {"synthetic": 12, "mine": 10}
    assert sources_of(assemble(str(declaration)), folder) == {"synthetic": 12, "mine": 10}


def test_where_every_other_source_is_excluded_the_demonstration_is_back(folder: Path, assemble: Assemble) -> None:
    assert sources_of(assemble(str(folder), ["source:mine"]), folder) == {"synthetic": 12}
