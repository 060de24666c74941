"""What the follower does with what the registry says. The registry here is a shelf of artifacts on the disk."""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model.detector import Detector
from model.errors import RegistryError, RegistryUnavailable
from model.registry import ModelVersion
from service.follower import KEPT, LONGEST_PAUSE, Follower
from service.metrics import Metrics
from service.pointer import Pointer, pointer_path


class Shelf:
    """A registry with one alias, whose artifacts lie in folders."""

    def __init__(self) -> None:
        self.production: ModelVersion | None = None
        self.folders: dict[str, Path] = {}
        self.down = False
        self.downloads = 0

    def promote(self, version: str, folder: Path, *, run_id: str = "", **tags: str) -> None:
        self.production = ModelVersion("ai-image-detector", version, run_id or f"run-{version}", tags, ("production",))
        self.folders[version] = folder

    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        assert alias_or_version == "production"
        if self.down:
            raise RegistryUnavailable("the registry does not answer")
        return self.production

    def download(self, version_or_run_id: str, into: Path) -> Path:
        self.downloads += 1
        return Path(shutil.copytree(self.folders[version_or_run_id], into))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> list[float]:
    """The time, as a list of one so that a test can move it."""
    return [1000.0]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def build(shelf: Shelf, home: Path, metrics: Metrics, clock: list[float]) -> Callable[[], Follower]:
    return lambda: Follower(shelf, pointer_path(home), metrics, poll_seconds=5, clock=lambda: clock[0])


@pytest.fixture
def follower(build: Callable[[], Follower]) -> Follower:
    return build()


@pytest.fixture
def artifact_of(tiny_artifact: Callable[..., Path]) -> Callable[[int], Path]:
    return lambda number: tiny_artifact(number / 10)


def folders(home: Path) -> set[str]:
    return {path.name.split("-")[0] for path in pointer_path(home).parent.iterdir() if path.is_dir()}


def test_a_registry_without_a_production_version_leaves_everything_as_it_is(follower: Follower, home: Path) -> None:
    assert follower.step() == "absent"
    assert not pointer_path(home).exists()


def test_a_promoted_version_is_fetched_verified_and_pointed_to(
    follower: Follower, shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    shelf.promote("1", artifact_of(1))
    assert follower.step() == "switched"
    pointer = Pointer.read(pointer_path(home))
    assert (pointer.version, pointer.run_id) == ("1", "run-1")
    card = Detector.load(pointer_path(home).parent / pointer.folder).card
    assert (pointer.sha256, pointer.dataset_version) == (card.onnx_sha256, card.dataset_version)
    assert pointer.folder == f"1-{card.onnx_sha256[:8]}"


def test_a_version_that_is_there_is_not_fetched_again(
    follower: Follower, build: Callable[[], Follower], shelf: Shelf, artifact_of: Callable[[int], Path]
) -> None:
    shelf.promote("1", artifact_of(1))
    assert [follower.step(), follower.step(), build().step()] == ["switched", "current", "current"]
    assert shelf.downloads == 1


def test_a_rollback_is_followed_like_a_promotion(
    follower: Follower, shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    for version in (1, 2, 1):
        shelf.promote(str(version), artifact_of(version))
        assert follower.step() == "switched"
        assert Pointer.read(pointer_path(home)).version == str(version)


def test_the_same_number_from_another_run_is_another_version(
    follower: Follower, shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    shelf.promote("1", artifact_of(1))
    follower.step()
    shelf.promote("1", artifact_of(2), run_id="run of a new registry")
    assert follower.step() == "switched"
    assert Pointer.read(pointer_path(home)).run_id == "run of a new registry"


def test_with_the_registry_down_the_last_good_copy_stays(
    follower: Follower, shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    shelf.promote("1", artifact_of(1))
    follower.step()
    shelf.down = True
    assert follower.step() == "unavailable"
    assert Pointer.read(pointer_path(home)).version == "1"


def test_a_registry_that_fails_during_the_download_is_asked_again(
    follower: Follower, shelf: Shelf, artifact_of: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Path:
        raise RegistryUnavailable("gone")

    shelf.promote("1", artifact_of(1))
    with monkeypatch.context() as patch:
        patch.setattr(shelf, "download", fail)
        assert follower.step() == "unavailable"
    assert follower.step() == "switched"


@pytest.mark.parametrize("file", ["model.onnx", "card.json", "golden.npz"])
def test_a_corrupted_version_is_refused_and_counted_while_the_old_one_stays(
    follower: Follower, shelf: Shelf, home: Path, metrics: Metrics, artifact_of: Callable[[int], Path], file: str
) -> None:
    shelf.promote("1", artifact_of(1))
    follower.step()
    damaged = artifact_of(2)
    (damaged / file).write_bytes(b"damaged")
    shelf.promote("2", damaged)
    assert follower.step() == "refused"
    assert Pointer.read(pointer_path(home)).version == "1"
    assert metrics.registry.get_sample_value("truegrain_model_load_failures_total") == 1
    assert folders(home) == {"1"}


def test_an_artifact_other_than_the_one_the_gate_saw_is_refused(
    follower: Follower, shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    shelf.promote("1", artifact_of(1), onnx_sha256="0" * 64)
    assert follower.step() == "refused"
    assert not pointer_path(home).exists()


def test_a_card_from_another_world_ends_nothing(
    follower: Follower, shelf: Shelf, artifact_of: Callable[[int], Path]
) -> None:
    folder = artifact_of(1)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"preprocess": {"mystery": 1}}))
    shelf.promote("1", folder)
    assert follower.step() == "refused"


def test_a_refused_version_is_tried_again_ever_more_rarely(
    follower: Follower, shelf: Shelf, clock: list[float], artifact_of: Callable[[int], Path]
) -> None:
    folder = artifact_of(1)
    good = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"damaged")
    shelf.promote("1", folder)
    attempts = []
    for _ in range(400):
        before = shelf.downloads
        assert follower.step() == "refused"
        if shelf.downloads > before:
            attempts.append(clock[0])
        clock[0] += 5
    pauses = [after - before for before, after in itertools.pairwise(attempts)]
    assert pauses[:7] == [5, 10, 20, 40, 80, 160, LONGEST_PAUSE]
    assert max(pauses) == LONGEST_PAUSE
    (folder / "model.onnx").write_bytes(good)
    clock[0] += LONGEST_PAUSE
    assert follower.step() == "switched"


def test_a_new_version_need_not_wait_for_a_refused_one(
    follower: Follower, shelf: Shelf, artifact_of: Callable[[int], Path]
) -> None:
    damaged = artifact_of(1)
    (damaged / "model.onnx").write_bytes(b"damaged")
    shelf.promote("1", damaged)
    assert follower.step() == "refused"
    shelf.promote("2", artifact_of(2))
    assert follower.step() == "switched"


def test_a_copy_that_was_damaged_while_the_service_was_down_is_fetched_again(
    follower: Follower, build: Callable[[], Follower], shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    shelf.promote("1", artifact_of(1))
    follower.step()
    folder = pointer_path(home).parent / Pointer.read(pointer_path(home)).folder
    (folder / "model.onnx").write_bytes(b"damaged")
    assert build().step() == "switched"
    assert Detector.load(folder).card.onnx_sha256 == Pointer.read(pointer_path(home)).sha256


def test_a_nonsense_pointer_is_replaced(
    follower: Follower, shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    pointer_path(home).parent.mkdir(parents=True)
    pointer_path(home).write_text("nonsense")
    shelf.promote("1", artifact_of(1))
    assert follower.step() == "switched"


def test_only_the_last_folders_are_kept(
    follower: Follower, shelf: Shelf, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    (pointer_path(home).parent / ".fetching-interrupted").mkdir(parents=True)
    for version in (1, 2, 3, 4):
        shelf.promote(str(version), artifact_of(version))
        follower.step()
    assert folders(home) == {"3", "4"}
    assert len(folders(home)) == KEPT


def test_every_outcome_is_counted(
    follower: Follower, shelf: Shelf, metrics: Metrics, artifact_of: Callable[[int], Path]
) -> None:
    follower.step()
    shelf.promote("1", artifact_of(1))
    follower.step()
    follower.step()
    follower.step()

    def refuse(_: str) -> ModelVersion | None:
        raise RegistryError("403")

    shelf.resolve = refuse  # type: ignore[method-assign]
    follower.step()
    counted = {
        outcome: metrics.registry.get_sample_value("truegrain_follower_polls_total", {"outcome": outcome})
        for outcome in ("absent", "switched", "current", "unavailable")
    }
    assert counted == {"absent": 1, "switched": 1, "current": 2, "unavailable": 1}
