"""Which detector is in service, and which events change it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from model.detectors.detector import open_session
from model.detectors.signature import PrivateKey, sign
from service.metrics.service import Metrics
from service.status.pointer import Pointer, pointer_path
from service.verdicts import model_store
from service.verdicts.model_store import ModelStore
from support.hostile_detectors import make_endless

Publish = Callable[..., Pointer]


@pytest.fixture
def store(home: Path) -> ModelStore:
    return ModelStore(pointer_path(home), Metrics())


def version_of(store: ModelStore) -> str | None:
    return store.current.version.version if store.current else None


def test_before_the_first_promotion_there_is_none(store: ModelStore) -> None:
    store.refresh()
    assert version_of(store) is None


def test_the_pointed_version_comes_into_service(store: ModelStore, publish: Publish) -> None:
    publish("1")
    store.refresh()
    assert version_of(store) == "1"
    publish("2", bias=1.0)
    store.refresh()
    assert version_of(store) == "2"


def test_production_outlives_its_pointer_and_a_shadow_ends_with_its_own(home: Path, publish: Publish) -> None:
    metrics = Metrics()
    production = ModelStore(pointer_path(home), metrics)
    shadow = ModelStore(pointer_path(home, "shadow"), metrics, alias="shadow")
    publish("1"), publish("2", bias=1.0, alias="shadow")
    for store in (production, shadow):
        store.refresh()
    pointer_path(home).unlink(), pointer_path(home, "shadow").unlink()
    for store in (production, shadow):
        store.refresh()
    assert (version_of(production), version_of(shadow)) == ("1", None)
    publish("2", bias=1.0, alias="shadow")
    shadow.refresh()
    assert version_of(shadow) == "2", "it may come back"


def test_a_detector_that_was_replaced_stops_a_while_later_and_frees_who_waits_for_it(
    store: ModelStore, publish: Publish, monkeypatch: pytest.MonkeyPatch, tiny_artifact: Callable[..., Path]
) -> None:
    """One that never ends on some images passes its check: a rollback must take the workers' turns back."""
    monkeypatch.setattr(model_store, "STOP_SECONDS", 0.5)
    publish("1")
    store.refresh()
    first = store.current
    assert first is not None
    endless = make_endless(tiny_artifact(9.0))
    first.detector._session = open_session((endless / "model.onnx").read_bytes(), threads=1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.detector.score, np.zeros((1, 32, 32, 3), np.uint8))
        publish("2", bias=1.0)
        store.refresh()
        assert store.current is not None
        with pytest.raises(Exception, match="terminate flag"):
            waiting.result(timeout=30)
    assert len(store.current.detector.score(np.zeros((1, 32, 32, 3), np.uint8)).probability) == 1


def test_an_unchanged_pointer_loads_nothing(store: ModelStore, publish: Publish) -> None:
    publish("1")
    store.refresh()
    loaded = store.current
    store.refresh()
    assert store.current is loaded


@pytest.mark.parametrize("file", ["model.onnx", "card.json", "golden.npz"])
def test_a_damaged_version_is_refused_counted_and_logged_while_the_old_one_serves(
    home: Path, publish: Publish, file: str
) -> None:
    metrics = Metrics()
    store = ModelStore(pointer_path(home), metrics)
    publish("1")
    store.refresh()
    damaged = publish("2", bias=1.0)
    (pointer_path(home).parent / damaged.folder / file).write_bytes(b"damaged")
    with capture_logs() as lines:
        store.refresh()
    assert version_of(store) == "1"
    assert metrics.registry.get_sample_value("truegrain_model_load_failures_total") == 1
    assert [line["event"] for line in lines] == ["detector refused"]


def test_a_refused_version_is_not_tried_again_until_the_pointer_changes(home: Path, publish: Publish) -> None:
    metrics = Metrics()
    store = ModelStore(pointer_path(home), metrics)
    pointer_path(home).parent.mkdir(parents=True)
    pointer_path(home).write_text("nonsense")
    store.refresh()
    store.refresh()
    assert metrics.registry.get_sample_value("truegrain_model_load_failures_total") == 1
    publish("1")
    store.refresh()
    assert version_of(store) == "1"


def test_the_thread_follows_the_pointer_until_it_is_stopped(
    store: ModelStore, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.verdicts.model_store.LOOK_SECONDS", 0.01)
    publish("1")
    before = set(threading.enumerate())
    store.start()
    (thread,) = set(threading.enumerate()) - before
    assert version_of(store) == "1", "the last good version serves from the start"
    publish("2", bias=1.0)
    deadline = time.monotonic() + 10
    while version_of(store) != "2" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert version_of(store) == "2"
    store.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_with_a_required_key_not_even_the_last_detector_is_read_unless_it_is_signed(
    home: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = PrivateKey.generate()
    path = pointer_path(home)
    store = ModelStore(path, Metrics(), public_key=key.public_key())
    pointer = publish("1")
    folder = path.parent / pointer.folder
    wrong = [sign(folder, PrivateKey.generate(), name=pointer.name, version="1")]
    wrong += [sign(folder, key, name=pointer.name, version="2"), sign(folder, key, name="another", version="1"), ""]
    with monkeypatch.context() as patch:
        patch.setattr("service.verdicts.model_store.Detector.load", lambda _: pytest.fail("it was read"))
        for signature in wrong:
            replace(pointer, signature=signature).write(path)
            store.refresh()
            assert version_of(store) is None
    replace(pointer, signature=sign(folder, key, name=pointer.name, version="1")).write(path)
    store.refresh()
    assert version_of(store) == "1"


def test_a_detector_that_was_replaced_on_the_disk_is_not_read_although_it_is_whole(
    home: Path, publish: Publish, tiny_artifact: Callable[..., Path]
) -> None:
    key, path = PrivateKey.generate(), pointer_path(home)
    pointer = publish("1")
    folder = path.parent / pointer.folder
    replace(pointer, signature=sign(folder, key, name=pointer.name, version="1")).write(path)
    for file in tiny_artifact(2.0).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    store = ModelStore(path, Metrics(), public_key=key.public_key())
    with capture_logs() as lines:
        store.refresh()
    assert (version_of(store), [line["event"] for line in lines]) == (None, ["detector refused"])
