"""The monitor: its results on the prediction log, and every cause of an unknown result."""

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert

from model.detectors.artifact import CARD, REFERENCE, Card, read_reference
from model.detectors.traffic_sample import Sample
from model.monitoring import audits, predictions
from model.monitoring.database import open_database
from model.monitoring.drift import Drift, measure
from model.monitoring.drift_history import MOST_SUSPECTS, RESULTS, add, history, prepare
from model.monitoring.terms import STATES
from model.settings import Settings
from service.metrics.drift import DriftMetrics
from service.sidecars.monitor import Monitor, watch
from service.status.drift import read_status
from service.status.pointer import Pointer, pointer_path
from support.monitoring import found, predict

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
EVER = NOON - timedelta(days=365)


@dataclass
class Clock:
    """A clock that moves only when the test moves it."""

    at: datetime = NOON
    running: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.running

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.running += seconds


@dataclass
class Watched:
    """A monitor of version 1 with its clock and the prediction log that it reads."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    logged: int = 0

    def __post_init__(self) -> None:
        self.engine = open_database(self.settings.predictions_url)
        self.monitor = Monitor(self.settings, now=self.clock.now, monotonic=self.clock.monotonic)

    def log(
        self,
        sample: Sample,
        *,
        at: datetime | None = None,
        every: float = 1.0,
        client: str = "shop",
        version: str = "1",
        sha256: str | None = None,
    ) -> None:
        """Log predictions of these images, one a second up to `at`, by the detector in service or another one."""
        predictions.prepare(self.engine)
        ends = at or self.clock.at
        rows = []
        for position in range(len(sample)):
            self.logged += 1
            facts = {
                name: getattr(sample, name)[position].item() for name in ("probability", "width", "height", "bytes")
            }
            quality = sample.jpeg_quality[position]
            rows.append(
                predict(
                    self.logged,
                    at=ends - timedelta(seconds=every * (len(sample) - 1 - position)),
                    client=client,
                    model_version=version,
                    model_sha256=sha256 or Pointer.read(pointer_path(self.settings.home)).sha256,
                    jpeg_quality=None if math.isnan(quality) else int(quality),
                    format=str(sample.format[position]),
                    embedding=sample.embedding[position].astype("<f2").tobytes(),
                    **facts,
                )
            )
        predictions.add(self.engine, rows)

    def close(self) -> None:
        self.monitor.close()
        self.engine.dispose()


@pytest.fixture
def watched(home: Path, publish: Callable[..., Pointer]) -> Iterator[Watched]:
    publish("1")
    watched = Watched(Settings(home=home))
    yield watched
    watched.close()


@pytest.fixture
def known(watched: Watched) -> Sample:
    """Traffic that equals the reference."""
    reference = read_reference(artifact_of(watched))
    assert reference is not None
    return reference.sample


@pytest.fixture
def bright(known: Sample) -> Sample:
    """Traffic of bright images, which are all called AI."""
    return known.take(np.flatnonzero(known.probability > 0.5))


def artifact_of(watched: Watched) -> Path:
    path = pointer_path(watched.settings.home)
    return path.parent / Pointer.read(path).folder


def test_traffic_like_the_reference_is_no_drift(watched: Watched, known: Sample) -> None:
    watched.log(known)
    result = watched.monitor.step()
    assert (result.state, result.cause, result.attribution, result.model_version) == ("ok", None, "none", "1")
    assert (result.measured_at, result.rows, result.last) == (NOON, len(known), NOON)
    assert result.accuracy is not None and result.accuracy.low <= result.accuracy.value <= result.accuracy.high
    assert history(watched.engine, since=EVER, until=NOON, most=10) == [result]


def test_traffic_unlike_the_reference_is_drift_and_says_which_signals_are_over(
    watched: Watched, bright: Sample
) -> None:
    watched.log(bright)
    result = watched.monitor.step()
    assert result.state == "drifting"
    assert "class_ratio" in {signal.name for signal in result.signals if signal.over}
    assert "class_ratio" in result.reason


def test_of_the_suspects_the_first_are_named_by_their_ids(
    watched: Watched, known: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suspect_all(*samples: object, **limits: object) -> Drift:
        return replace(measure(*samples, **limits), suspects=tuple(range(len(known))))  # type: ignore[arg-type]

    monkeypatch.setattr("service.sidecars.monitor.measure", suspect_all)
    watched.log(known)
    assert watched.monitor.step().suspects == tuple(f"{number + 1:032x}" for number in range(MOST_SUSPECTS))


def test_only_the_newest_predictions_of_the_version_in_service_count(
    home: Path, watched: Watched, known: Sample, bright: Sample
) -> None:
    watched.log(bright, at=NOON - timedelta(hours=1))
    watched.log(bright, version="2")
    watched.log(known)
    small = Watched(Settings(home=home, drift_window=len(known)))
    assert small.monitor.step().state == "ok"
    small.close()


def test_a_flood_of_one_who_sends_no_key_is_not_what_traffic_has_become(
    home: Path, watched: Watched, known: Sample, bright: Sample
) -> None:
    watched.log(known, at=NOON - timedelta(minutes=20), every=300, client=predictions.ANONYMOUS)
    for _ in range(4):
        watched.log(bright, every=0.01, client=predictions.ANONYMOUS)
    small = Watched(Settings(home=home, drift_window=180))
    result = small.monitor.step()
    assert (result.state, result.rows) == ("ok", 180), result.reason
    small.close()


def test_a_flood_of_one_key_among_others_is_half_of_what_is_looked_at(
    home: Path, watched: Watched, known: Sample, bright: Sample
) -> None:
    watched.log(known, at=NOON - timedelta(minutes=20), every=300)
    for _ in range(4):
        watched.log(bright, every=0.01, client="mallory")
    small = Watched(Settings(home=home, drift_window=180, drift_least=50))
    result = small.monitor.step()
    assert (result.rows, result.first < NOON - timedelta(hours=5) if result.first else None) == (180, True)
    small.close()


def test_what_another_host_has_measured_within_the_interval_is_taken(watched: Watched, known: Sample) -> None:
    watched.log(known)
    sha256 = Pointer.read(pointer_path(watched.settings.home)).sha256
    theirs = found(model_version="1", model_sha256=sha256, minutes_ago=0.9, now=NOON)
    prepare(watched.engine)
    add(watched.engine, theirs)
    assert watched.monitor.step() == theirs
    watched.clock.pass_seconds(60)
    assert watched.monitor.step().state == "ok"


def test_the_same_predictions_are_measured_once_however_long_nothing_new_comes(watched: Watched, known: Sample) -> None:
    watched.log(known)
    first = watched.monitor.step()
    watched.clock.pass_seconds(3600)
    assert watched.monitor.step() == first
    watched.log(known.take(slice(0, 1)))
    assert watched.monitor.step().measured_at == watched.clock.at
    assert len(history(watched.engine, since=EVER, until=watched.clock.at, most=10)) == 2


def test_results_are_kept_for_as_long_as_predictions(watched: Watched, known: Sample) -> None:
    prepare(watched.engine)
    add(watched.engine, found(model_version="1", minutes_ago=31 * 1440, now=NOON))
    watched.log(known)
    assert history(watched.engine, since=EVER, until=NOON, most=10) != [result := watched.monitor.step()]
    assert history(watched.engine, since=EVER, until=NOON, most=10) == [result]


def test_what_a_version_of_that_number_did_in_another_registry_does_not_count(
    watched: Watched, known: Sample, bright: Sample
) -> None:
    prepare(watched.engine)
    add(watched.engine, found(model_version="1", model_sha256="0" * 64, minutes_ago=0.5, now=NOON))
    short = replace(bright, embedding=np.zeros((len(bright), 3), np.float32))
    watched.log(short, sha256="0" * 64)
    watched.log(known)
    result = watched.monitor.step()
    assert (result.state, result.rows) == ("ok", len(known)), result.reason


def test_a_result_of_another_release_is_passed_over(watched: Watched, known: Sample) -> None:
    prepare(watched.engine)
    stored = {"measured_at": NOON, "model_version": "1", "result": '{"state": "elsewhere"}'}
    with watched.engine.begin() as connection:
        connection.execute(insert(RESULTS), stored)
    watched.log(known)
    assert watched.monitor.step().state == "ok"


def test_an_error_of_the_monitor_itself_is_told_and_nothing_older_stands(
    watched: Watched, known: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.log(known)
    metrics = DriftMetrics()
    watch(watched.monitor, metrics, watched.settings)
    monkeypatch.setattr("service.sidecars.monitor.windows.read_window", lambda *_, **__: 1 / 0)
    watched.clock.pass_seconds(60)
    watch(watched.monitor, metrics, watched.settings)
    status = read_status(watched.settings.home)
    assert status is not None
    assert (status.drift.status, status.drift.cause) == ("unknown", "failed")
    states = [metrics.registry.get_sample_value("truegrain_drift_state", {"state": state}) for state in STATES]
    assert dict(zip(STATES, states, strict=True)) == {"ok": 0, "drifting": 0, "unknown": 1}


def test_without_a_detector_drift_is_unknown(home: Path) -> None:
    nothing = Watched(Settings(home=home))
    result = nothing.monitor.step()
    assert (result.state, result.cause, result.model_version) == ("unknown", "no_model", None)
    nothing.close()


def test_a_pointer_that_cannot_be_read_is_no_detector(watched: Watched) -> None:
    pointer_path(watched.settings.home).write_text("{}")
    assert watched.monitor.step().cause == "no_model"


def test_a_detector_without_a_reference_is_named(watched: Watched, known: Sample) -> None:
    watched.log(known)
    folder = artifact_of(watched)
    (folder / REFERENCE).unlink()
    (folder / CARD).write_text(replace(Card.from_json((folder / CARD).read_text()), reference={}).to_json())
    result = watched.monitor.step()
    assert (result.state, result.cause, result.model_version) == ("unknown", "no_reference", "1")


def test_a_reference_that_was_lost_is_told_without_the_place_where_it_was(
    watched: Watched, known: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.log(known)
    (artifact_of(watched) / REFERENCE).unlink()
    result = watched.monitor.step()
    assert (result.cause, str(watched.settings.home) in result.reason) == ("other_reference", False)
    assert "FileNotFoundError" in capsys.readouterr().out


def test_the_reference_of_another_detector_is_refused(
    watched: Watched, known: Sample, tiny_artifact: Callable[..., Path]
) -> None:
    watched.log(known)
    other = tiny_artifact(3.0)
    (artifact_of(watched) / REFERENCE).write_bytes((other / REFERENCE).read_bytes())
    assert watched.monitor.step().cause == "other_reference"


def test_a_reference_that_was_mended_counts_at_once(watched: Watched, known: Sample) -> None:
    watched.log(known)
    path = artifact_of(watched) / REFERENCE
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert watched.monitor.step().cause == "other_reference"
    path.write_bytes(whole)
    assert watched.monitor.step().state == "ok"


def test_a_new_version_is_compared_with_its_own_reference(
    watched: Watched, known: Sample, publish: Callable[..., Pointer]
) -> None:
    watched.log(known)
    assert watched.monitor.step().state == "ok"
    publish("2", bias=3.0)
    watched.log(known, version="2")
    result = watched.monitor.step()
    assert (result.model_version, result.state) == ("2", "drifting")


@pytest.mark.parametrize("rows", [0, 99])
def test_too_few_predictions_say_how_many_there_are(watched: Watched, known: Sample, rows: int) -> None:
    if rows:
        watched.log(known.take(slice(0, rows)))
    result = watched.monitor.step()
    assert (result.cause, result.reason) == ("too_few", f"version 1 gave {rows} predictions, 100 are needed")


def test_one_picture_in_many_files_is_too_few(watched: Watched, known: Sample) -> None:
    watched.log(known.take(np.zeros(150, int)))
    result = watched.monitor.step()
    wanted = "150 predictions of version 1 are about 1 different images, 100 are needed"
    assert (result.cause, result.reason) == ("too_few", wanted)


def test_measurements_of_the_same_predictions_are_no_row(watched: Watched, bright: Sample) -> None:
    rows = []
    for new in (len(bright), 2, len(bright)):
        watched.log(bright.take(slice(new)))
        rows.append(watched.monitor.step().in_a_row)
        watched.clock.pass_seconds(600)
    assert rows == [1, 1, 2]


def test_what_a_person_found_is_told_beside_the_estimate(watched: Watched, known: Sample) -> None:
    watched.log(known)
    audits.prepare(watched.engine)
    drawn = audits.draw(watched.engine, most=40, since=EVER, until=NOON)
    audits.keep(watched.engine, drawn, {one.id: one.label for one in drawn}, now=NOON)
    audit = watched.monitor.step().audit
    assert audit is not None
    assert (audit.drawn, audit.labelled, audit.accuracy.value, audit.accuracy.high) == (40, 40, 1, 1)


def test_a_window_smaller_than_the_least_is_measured_when_it_is_full(
    home: Path, watched: Watched, known: Sample
) -> None:
    watched.log(known)
    small = Watched(Settings(home=home, drift_window=80))
    assert small.monitor.step().rows == 80
    small.close()


def test_a_log_that_is_gone_is_named_and_read_again_when_it_is_back(
    watched: Watched, known: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.log(known)
    database = Path(watched.engine.url.database or "")
    watched.engine.dispose()
    aside = database.rename(database.with_suffix(".aside"))
    database.mkdir()
    result = watched.monitor.step()
    assert (result.cause, result.state) == ("log_unavailable", "unknown")
    assert result.reason == "the prediction log cannot be read: the monitor's log says why"
    assert "OperationalError" in capsys.readouterr().out
    database.rmdir()
    aside.rename(database)
    assert watched.monitor.step().state == "ok"


def test_a_log_that_is_no_database_is_named(watched: Watched, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "predictions.db").write_bytes(b"no database" * 100)
    assert watched.monitor.step().cause == "log_unavailable"


def test_a_log_that_is_locked_is_named(watched: Watched, known: Sample) -> None:
    watched.log(known)
    impatient = {"predictions": f"{watched.settings.predictions_url}?timeout=0.05"}
    monitor = Monitor(watched.settings.model_copy(update=impatient), now=watched.clock.now)
    with closing(sqlite3.connect(watched.engine.url.database or "")) as other:
        other.execute("BEGIN EXCLUSIVE")
        result = monitor.step()
    monitor.close()
    assert result.cause == "log_unavailable"


@pytest.mark.parametrize("seconds", [-7200.0, 7200.0])
def test_a_clock_that_jumps_is_told_once_and_believed_from_then_on(
    watched: Watched, known: Sample, seconds: float
) -> None:
    watched.log(known, at=NOON - timedelta(hours=3))
    assert watched.monitor.step().state == "ok"
    watched.clock.at += timedelta(seconds=seconds)
    jumped = watched.monitor.step()
    assert (jumped.state, jumped.cause) == ("unknown", "clock")
    assert f"{seconds:+.0f} s" in jumped.reason
    watched.clock.pass_seconds(60)
    assert watched.monitor.step().cause is None


def test_predictions_of_the_future_are_told_until_they_are_past(watched: Watched, known: Sample) -> None:
    watched.log(known, at=NOON + timedelta(minutes=5))
    result = watched.monitor.step()
    assert (result.state, result.cause) == ("unknown", "clock")
    watched.clock.pass_seconds(301)
    assert watched.monitor.step().state == "ok"


def test_watching_tells_the_workers_and_prometheus(watched: Watched, bright: Sample) -> None:
    watched.log(bright)
    metrics = DriftMetrics()
    watch(watched.monitor, metrics, watched.settings)
    status = read_status(watched.settings.home)
    assert status is not None
    assert status.drift.status == "drifting"
    assert metrics.registry.get_sample_value("truegrain_drift_state", {"state": "drifting"}) == 1


def test_a_disk_that_takes_no_status_stops_nothing(watched: Watched, known: Sample) -> None:
    watched.log(known)
    (watched.settings.home / "run").mkdir()
    (watched.settings.home / "run" / "drift.json").mkdir()
    metrics = DriftMetrics()
    watch(watched.monitor, metrics, watched.settings)
    assert metrics.registry.get_sample_value("truegrain_drift_state", {"state": "ok"}) == 1
