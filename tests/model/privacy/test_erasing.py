"""After an erasure no byte of an image is left in lake, pages, reports, caches, MLflow and the prediction log."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.dataset.features import FeatureStore
from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, read_manifest, write_rows
from model.dataset.tombstones import read_tombstones, withdraw
from model.evaluation.forecast import Unseen
from model.evaluation.gate.policy import read_policy
from model.feedback.agreement import Question
from model.feedback.reporters import VotingLimits
from model.feedback.reports import list_ids, read_statements
from model.feedback.review import settle
from model.metrics import proportion
from model.monitoring.database import opened
from model.monitoring.predictions import add, prepare
from model.pages import dataset_page, review_page
from model.pages.gallery import Gallery, Mistake, draw_gallery
from model.privacy.erasing import RECORDS, Eraser
from model.privacy.forgetting import eraser_of, forget
from model.registry import Registry, Run, connect
from model.retraining import forecast_steps, steps
from model.retraining.forecast_steps import LeftOut, publish_forecast
from model.retraining.run_records import RunRecords
from model.retraining.steps import decide_run, evaluate_run
from model.settings import Settings
from service.records.report_room import ReportRoom
from service.records.reporter import Reporter
from service.records.reports import Reports
from support.evaluation_reports import exactly, make_report
from support.monitoring import predict
from support.small_images import NOW, collect, labelled, many
from support.traces import find_traces
from support.user_reports import say, write_said
from truegrain_rig.mlflow_server import running_mlflow

pytestmark = pytest.mark.usefixtures("without_plots")

SLIGHTLY_WRONG = 10 * (0.5 - 93 / 255)
"""Three of the 30 real images are called AI."""


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of an MLflow server for this file's tests, and the folder in which it keeps everything."""
    folder = tmp_path_factory.mktemp("mlflow")
    with running_mlflow(folder) as address:
        yield address, folder


@pytest.fixture
def settings(mlflow: tuple[str, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    name = request.node.name
    return Settings(home=tmp_path / "home", tracking_uri=mlflow[0], model_name=name, experiment=name)


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return connect(settings)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.lake_url)


@pytest.fixture
def eraser(settings: Settings) -> Eraser:
    return eraser_of(settings)


def unreachable() -> Registry:
    raise AssertionError("MLflow is asked, though nothing of the image can be there")


def test_an_image_that_is_forgotten_is_nowhere_any_more(
    settings: Settings,
    registry: Registry,
    lake: Lake,
    mlflow: tuple[str, Path],
    tiny_artifact: Callable[..., Path],
    brightness_dataset: Callable[[Lake], str],
) -> None:
    """The image is in a gallery (a detector's mistake), on a contact sheet, in a report and in a cache."""
    version = brightness_dataset(lake)
    dataset_page.write_page(lake, version)
    with registry.run("train", params={}) as run:
        run.log_artifact(tiny_artifact(SLIGHTLY_WRONG, dataset_version=version))
    evaluate_run(registry, lake, run.id)
    decide_run(registry, lake, run.id, policy=read_policy())
    before = Gallery.from_json(registry.read_file(run.id, "gallery.json") or b"")
    gone, sheet = next((each, sheet) for each in before.mistakes for sheet in sheets_of(lake, version, each.sha256))
    data = image_of(lake, version, gone.sha256)
    said = write_said(lake.root, say("ada"), data)
    review_page.write_page(lake.root, [Question(image_sha256=gone.sha256, statements=(said,), reason="too few")])
    cache = settings.home / "cache" / f"{version}-test-32.npy"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(data)
    FeatureStore(lake, "encoder").add(np.array([gone.sha256]), np.ones((1, 4), np.float32))
    log_predictions(settings, gone.sha256)
    needles = [data, gone.picture.encode(), gone.overlay.encode(), sheet]
    homes = {"home": settings.home, "mlflow": mlflow[1]}
    found = {name: find_traces(folder, needles) for name, folder in homes.items()}
    assert {path.split("/")[-1] for path in found["mlflow"]} == {"gallery.json", "report.html"}
    assert len(found["home"]) == 4, "cache, shard, contact sheet, report"

    done = forget(settings, [gone.sha256], reason="the person in it asked")

    assert {name: find_traces(folder, needles) for name, folder in homes.items()} == {"home": [], "mlflow": []}
    assert not (lake.root / "feedback" / "review.html").exists()
    assert (done.predictions, done.unseen) == (2, ())
    assert done.erasure is not None
    assert (done.erasure.rows, done.erasure.runs) == (1, (run.id,))
    assert [name.split("/")[0] for name in done.erasure.caches] == [cache.name, "features"]
    assert not FeatureStore(lake, "encoder").read(np.array([gone.sha256]))[1].any()
    assert done.erasure.pages == (f"datasets/{version}/docs/version.html",)
    (record,) = (lake.root / RECORDS).iterdir()
    assert json.loads(record.read_text()) == json.loads(json.dumps(done.erasure.to_json()))
    after = Gallery.from_json(registry.read_file(run.id, "gallery.json") or b"")
    assert after.mistakes == tuple(each for each in before.mistakes if each != gone)
    assert after.mistakes
    page = (registry.read_file(run.id, "report.html") or b"").decode()
    assert all(mistake.picture in page for mistake in after.mistakes)
    rows = read_manifest(lake, version)
    assert len(rows) == 59
    assert [hashlib.sha256(image).hexdigest() for image in lake.read_images(rows)] == list(rows["sha256"])
    with opened(settings.predictions_url) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("select image_sha256 from predictions").scalars().all() == ["0" * 64]


def test_what_was_cut_short_is_finished_by_the_next_call(
    settings: Settings,
    registry: Registry,
    lake: Lake,
    mlflow: tuple[str, Path],
    tiny_artifact: Callable[..., Path],
    brightness_dataset: Callable[[Lake], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow goes away between the two files of a run: the image is kept out, and the request for its erasure stays."""
    version = brightness_dataset(lake)
    with registry.run("train", params={}) as run:
        run.log_artifact(tiny_artifact(SLIGHTLY_WRONG, dataset_version=version))
    evaluate_run(registry, lake, run.id)
    decide_run(registry, lake, run.id, policy=read_policy())
    gone = Gallery.from_json(registry.read_file(run.id, "gallery.json") or b"").mistakes[0]
    needles = [gone.picture.encode(), gone.overlay.encode()]
    logged: list[str] = []

    def fail_at_second(self: object, path: Path, artifact_path: str | None = None) -> None:
        logged.append(",".join(sorted(file.name for file in path.iterdir())))
        if len(logged) == 2:
            raise ConnectionError("MLflow is away")
        log_folder(self, path, artifact_path)  # type: ignore[arg-type]

    log_folder = type(run).log_folder
    monkeypatch.setattr(type(run), "log_folder", fail_at_second)
    with pytest.raises(ConnectionError):
        forget(settings, [gone.sha256], reason="the person in it asked")
    assert logged == ["report.html", "gallery.json,report.html"]
    assert read_tombstones(lake)["erased_at"].isna().tolist() == [True]
    monkeypatch.setattr(type(run), "log_folder", log_folder)
    done = eraser_of(settings).erase(now=datetime.now(UTC))
    assert done is not None
    assert (done.rows, done.runs) == (0, (run.id,))
    assert [path for path in find_traces(mlflow[1], needles) if run.id in path] == []
    assert read_tombstones(lake)["erased_at"].notna().tolist() == [True]
    assert eraser_of(settings).erase(now=datetime.now(UTC)) is None


@pytest.mark.parametrize(
    "content",
    [b"no gallery, but it names %s", b"%s" + bytes(50_000), "a report of garbage", "a report with a new metric"],
)
def test_a_run_that_cannot_be_understood_keeps_no_other_run_from_being_erased(
    registry: Registry,
    lake: Lake,
    eraser: Eraser,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: bytes | str,
) -> None:
    """Its gallery is garbage, larger than a gallery may be, or beside a report that is garbage or cannot be drawn."""
    monkeypatch.setattr(Gallery, "most_bytes", 20_000)
    image = labelled(0, "ai")
    sha256 = hashlib.sha256(image.data).hexdigest()
    collect(lake, [image], now=NOW)
    honest = log_files(registry, tmp_path / "honest", {"gallery.json": shows(sha256).to_json().encode()})
    files = {"gallery.json": shows(sha256).to_json().encode(), "report.json": b"\x1b[2Kgarbage"}
    if isinstance(content, bytes):
        files = {"gallery.json": content.replace(b"%s", sha256.encode())}
    elif "metric" in content:
        report = make_report([True] * 4, overall={"novelty": exactly(1.0)})
        files |= {"report.json": report.to_json().encode(), "decision.json": b'{"promote":true,"rules":[]}'}
    broken = log_files(registry, tmp_path / "broken", files)
    ours = [run.id for run in registry.runs() if run.id in (broken, honest)]
    assert ours == [broken, honest], "the broken run comes first"
    withdraw(lake, [sha256], lock=eraser.lock, reason="private", now=NOW, erase=True)
    done = eraser.erase(now=NOW)
    assert done is not None
    assert (done.rows, done.runs) == (1, (honest,))
    assert Gallery.from_json(registry.read_file(honest, "gallery.json") or b"") == Gallery()
    (left,) = done.left
    assert left.startswith(f"run {broken} of MLflow cannot be understood, and may show the images: ")
    assert left.isprintable()
    assert len(list((lake.root / RECORDS).iterdir())) == 1
    assert read_tombstones(lake)["erased_at"].isna().tolist() == [True]
    for name in files:
        (tmp_path / "broken" / name).write_text(Gallery().to_json())
    registry.client.log_artifacts(broken, str(tmp_path / "broken"))
    again = eraser.erase(now=NOW + timedelta(days=1))
    assert again is not None
    assert again.left == ()
    assert read_tombstones(lake)["erased_at"].notna().tolist() == [True]


def test_a_run_whose_experiment_was_renamed_is_found(
    registry: Registry, lake: Lake, eraser: Eraser, tmp_path: Path
) -> None:
    image = labelled(0, "ai")
    sha256 = hashlib.sha256(image.data).hexdigest()
    collect(lake, [image], now=NOW)
    shown = log_files(registry, tmp_path / "shown", {"gallery.json": shows(sha256).to_json().encode()})
    experiment = registry.client.get_run(shown).info.experiment_id
    registry.client.rename_experiment(experiment, f"{registry.experiment} of last year")
    withdraw(lake, [sha256], lock=eraser.lock, reason="private", now=NOW, erase=True)
    done = eraser.erase(now=NOW)
    assert done is not None
    assert (done.runs, done.left) == ((shown,), ())


def test_an_image_that_is_erased_while_a_forecast_is_measured_does_not_come_back_with_its_page(
    settings: Settings,
    registry: Registry,
    lake: Lake,
    tiny_artifact: Callable[..., Path],
    brightness_dataset: Callable[[Lake], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = brightness_dataset(lake)
    with registry.run("train", params={}) as run:
        run.log_artifact(tiny_artifact(SLIGHTLY_WRONG, dataset_version=version))
    evaluate_run(registry, lake, run.id)
    decide_run(registry, lake, run.id, policy=read_policy())
    measured, saved, other = Gallery.from_json(registry.read_file(run.id, "gallery.json") or b"").mistakes[:3]

    def measure(*_: object) -> Unseen:
        forget(settings, [measured.sha256], reason="the person in it asked")
        return Unseen("glow", 10, proportion(5, 10))

    save = RunRecords.save

    def save_late(self: RunRecords, run: Run, *, since: RunRecords | None = None) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(RunRecords, "save", save)
            if self.forecast is not None and find_traces_in(registry, run.id, [saved]):
                forget(settings, [saved.sha256], reason="the person in it asked")
        save(self, run, since=since)

    monkeypatch.setattr(forecast_steps, "measure_unseen", measure)
    monkeypatch.setattr(RunRecords, "save", save_late)
    publish_forecast(registry, lake, [(run.id, LeftOut(run.id, version, "glow"))])
    assert find_traces_in(registry, run.id, [measured, saved]) == set()
    assert find_traces_in(registry, run.id, [other]) == {"gallery.json", "report.html"}


def find_traces_in(registry: Registry, run_id: str, shown: Sequence[Mistake]) -> set[str]:
    files = {name: registry.read_file(run_id, name) or b"" for name in ("gallery.json", "report.html")}
    return {name for name, content in files.items() if any(each.picture.encode() in content for each in shown)}


def test_an_image_that_is_erased_while_its_detector_is_evaluated_is_in_no_gallery(
    settings: Settings,
    registry: Registry,
    lake: Lake,
    tiny_artifact: Callable[..., Path],
    brightness_dataset: Callable[[Lake], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = brightness_dataset(lake)
    with registry.run("train", params={}) as run:
        run.log_artifact(tiny_artifact(SLIGHTLY_WRONG, dataset_version=version))
    drawn: list[Mistake] = []

    def draw_and_forget(*given: Any) -> Gallery:
        gallery = draw_gallery(*given)
        drawn.extend(gallery.mistakes)
        forget(settings, [drawn[0].sha256], reason="the person in it asked")
        return gallery

    monkeypatch.setattr(steps, "draw_gallery", draw_and_forget)
    evaluate_run(registry, lake, run.id)
    assert Gallery.from_json(registry.read_file(run.id, "gallery.json") or b"").mistakes == tuple(drawn[1:])


def test_a_run_that_was_deleted_shows_no_erased_image_when_it_is_restored(
    registry: Registry, lake: Lake, eraser: Eraser, tmp_path: Path
) -> None:
    image = labelled(0, "ai")
    sha256 = hashlib.sha256(image.data).hexdigest()
    collect(lake, [image], now=NOW)
    deleted = log_files(registry, tmp_path / "deleted", {"gallery.json": shows(sha256).to_json().encode()})
    registry.client.delete_run(deleted)
    withdraw(lake, [sha256], lock=eraser.lock, reason="private", now=NOW, erase=True)
    done = eraser.erase(now=NOW)
    assert done is not None
    assert (done.runs, done.left) == ((deleted,), ())
    registry.client.restore_run(deleted)
    assert Gallery.from_json(registry.read_file(deleted, "gallery.json") or b"") == Gallery()


def test_an_accepted_report_that_is_withdrawn_leaves_no_byte_of_its_image(settings: Settings, lake: Lake) -> None:
    image = labelled(100, "ai").data
    collect(lake, many(40), now=NOW)
    for client in ("ada", "bob", "cyd"):
        write_said(lake.root, say(client, kept=client == "ada"), image)
    settle(lake, influence=VotingLimits.of(settings), lock=settings.reports_lock, now=NOW + timedelta(days=19))
    for part in plan(lake, [], parts=1):
        collect_part(lake, part, now=datetime.now(UTC))
    publish_again(lake)
    folder = Path(str(lake.root))
    assert {path.split("/")[0] for path in find_traces(folder, [image])} == {"batches", "feedback"}
    reports = Reports(settings.lake_url, lock=settings.reports_lock, room=ReportRoom.of(settings), agreement=3)
    (own,) = (each.id for each in read_statements(lake.root) if each.client == "ada")
    withdrawn = reports.withdraw(own, Reporter(key="ada"))
    assert withdrawn is not None
    assert withdrawn.kept_out
    assert withdrawn.left
    assert {path.split("/")[0] for path in find_traces(folder, [image])} == {"batches"}
    done = replace(eraser_of(settings), registry=unreachable).erase(now=datetime.now(UTC))
    assert done is not None
    assert done.rows == 1
    assert find_traces(folder, [image]) == []
    assert len(list_ids(lake.root)) == 3, "what others have said stays, and what was found"


def test_nothing_is_asked_for_and_nothing_done(eraser: Eraser, lake: Lake) -> None:
    collect(lake, many(3), now=NOW)
    assert replace(eraser, registry=unreachable).erase(now=NOW) is None


def test_an_image_that_the_lake_never_held_is_done_with_at_once(eraser: Eraser, lake: Lake) -> None:
    withdraw(lake, ["0" * 64], lock=eraser.lock, reason="private", now=NOW, erase=True)
    done = replace(eraser, registry=unreachable).erase(now=NOW)
    assert done is not None
    assert (done.images, done.rows, done.left) == (("0" * 64,), 0, ())
    assert replace(eraser, registry=unreachable).erase(now=NOW) is None


def test_what_was_taken_in_while_it_was_erased_is_found_by_the_next_erasure(eraser: Eraser, lake: Lake) -> None:
    """A collection that began before the tombstone was set does not know the tombstone."""
    sha256 = hashlib.sha256(labelled(0, "ai").data).hexdigest()
    withdraw(lake, [sha256], lock=eraser.lock, reason="private", now=NOW, erase=True)
    without = replace(eraser, registry=lambda: NoRuns())  # type: ignore[arg-type,return-value]
    without.erase(now=NOW)
    stones = (lake.root / "tombstones.parquet").read_bytes()
    (lake.root / "tombstones.parquet").unlink()
    collect(lake, many(3), now=NOW)
    (lake.root / "tombstones.parquet").write_bytes(stones)
    done = without.erase(now=NOW + timedelta(days=1))
    assert done is not None
    assert done.rows == 1
    assert find_traces(Path(str(lake.root)), [labelled(0, "ai").data]) == []


class NoRuns:
    """A registry without runs."""

    def runs(self) -> Iterator[object]:
        return iter(())


def shows(sha256: str) -> Gallery:
    """Return a gallery with one image."""
    facts = {"origin": "0.png", "label": "ai", "generator": None, "probability": 0.1}
    return Gallery((Mistake(sha256=sha256, picture="data:picture", overlay="data:overlay", **facts),))  # type: ignore[arg-type]


def log_files(registry: Registry, folder: Path, files: Mapping[str, bytes]) -> str:
    """Log files to a new run, and return its id."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with registry.run("train", params={}) as run:
        run.log_folder(folder)
    return run.id


def image_of(lake: Lake, version: str, sha256: str) -> bytes:
    rows = read_manifest(lake, version)
    (data,) = lake.read_images(rows[rows["sha256"] == sha256])
    return data


def sheets_of(lake: Lake, version: str, sha256: str) -> list[bytes]:
    """Return the contact sheets on a version's page that show an image, as they are encoded in the page."""
    page = (lake.version_path(version) / "docs" / "version.html").read_text()
    sheets = page.split('<img src="')[1:]
    return [sheet.split('"')[0].encode() for sheet in sheets if sha256 in sheet]


def publish_again(lake: Lake) -> str:
    version = assemble(lake, today=date(2026, 11, 23))
    write_rows(lake, version, read_candidates(lake, version), name="manifest")
    (lake.version_path(version) / "_SUCCESS").write_text("")
    return version


def log_predictions(settings: Settings, sha256: str) -> None:
    with opened(settings.predictions_url) as engine:
        prepare(engine)
        rows = [replace(predict(number), image_sha256=sha256) for number in range(2)]
        add(engine, [*rows, replace(predict(2), image_sha256="0" * 64)])


def test_traces_are_found_where_they_are(tmp_path: Path) -> None:
    """The search itself finds plain bytes, bytes in a compressed column, and bytes in a page."""
    lake, image = Lake(str(tmp_path / "lake")), labelled(0, "ai").data
    collect(lake, [labelled(0, "ai")], now=NOW)
    write_said(lake.root, say("ada"), image)
    assert len(find_traces(tmp_path, [image])) == 2
    assert find_traces(tmp_path, [b"nowhere to be found"]) == []
    Image.new("RGB", (1, 1)).save(tmp_path / "other.png")
    assert len(find_traces(tmp_path, [image])) == 2


def test_a_report_that_brings_an_erased_image_again_goes_with_the_next_erasure(eraser: Eraser, lake: Lake) -> None:
    image, other = (labelled(number, "ai").data for number in (0, 1))
    sha256 = hashlib.sha256(image).hexdigest()
    withdraw(lake, [sha256], lock=eraser.lock, reason="private", now=NOW, erase=True)
    eraser.erase(now=NOW)
    write_said(lake.root, say("ada"), image)
    write_said(lake.root, say("bob"), other)
    done = eraser.erase(now=NOW + timedelta(days=1))
    assert done is not None
    assert len(done.reports) == 1
    assert find_traces(Path(str(lake.root)), [image]) == []
    assert [each.client for each in read_statements(lake.root)] == ["bob"]
