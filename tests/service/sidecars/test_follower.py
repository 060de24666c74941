"""How the follower acts on answers of the registry, which is a fake over a folder of artifacts."""

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model.detectors import artifact
from model.detectors.detector import Detector
from model.detectors.signature import PrivateKey, PublicKey, sign
from model.errors import RegistryError, RegistryUnavailable, SettingsError
from model.registry import ModelVersion
from model.settings import Settings
from service.metrics.service import Metrics
from service.sidecars.detector_check import Check, make_check
from service.sidecars.follower import LONGEST_PAUSE, Follower, build_followers, follow_all
from service.status.follower import read_status
from service.status.lineage import read_lineage
from service.status.pointer import Alias, Pointer, pointer_path


class FakeRegistry:
    """A registry with two aliases, whose artifacts lie in folders."""

    def __init__(self) -> None:
        self.aliases: dict[str, ModelVersion] = {}
        self.folders: dict[str, Path] = {}
        self.files: dict[tuple[str, str], bytes] = {}
        self.down = False
        self.downloads = 0
        self.asked: list[str] = []

    def promote(self, version: str, folder: Path, *, run_id: str = "", alias: str = "production", **tags: str) -> None:
        self.aliases[alias] = ModelVersion("ai-image-detector", version, run_id or f"run-{version}", tags, (alias,))
        self.folders[version] = folder

    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        self.asked.append(alias_or_version)
        if self.down:
            raise RegistryUnavailable("the registry does not answer")
        return self.aliases.get(alias_or_version)

    def download(self, version_or_run_id: str, into: Path) -> Path:
        self.downloads += 1
        return Path(shutil.copytree(self.folders[version_or_run_id], into))

    def read_file(self, run_id: str, artifact_file: str, *, most_bytes: int) -> bytes | None:
        assert most_bytes == 1_000_000
        return self.files.get((run_id, artifact_file))


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def clock() -> list[float]:
    """The time, as a list of one number that a test can change."""
    return [1000.0]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def build(
    registry: FakeRegistry, home: Path, tmp_path: Path, metrics: Metrics, clock: list[float]
) -> Callable[..., Follower]:
    """`build("shadow")` returns a new follower of that alias, as after a restart; it checks detectors in-process."""

    def make(
        alias: Alias = "production", *, public_key: PublicKey | None = None, check: Check = Detector.load
    ) -> Follower:
        return Follower(
            registry,
            pointer_path(home, alias),
            metrics,
            poll_seconds=5,
            lake=str(tmp_path / "lake"),
            check=check,
            alias=alias,
            public_key=public_key,
            clock=lambda: clock[0],
        )

    return make


@pytest.fixture
def follower(build: Callable[..., Follower]) -> Follower:
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
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    registry.promote("1", artifact_of(1))
    assert follower.step() == "switched"
    pointer = Pointer.read(pointer_path(home))
    assert (pointer.version, pointer.run_id) == ("1", "run-1")
    card = Detector.load(pointer_path(home).parent / pointer.folder).card
    assert (pointer.sha256, pointer.dataset_version) == (card.onnx_sha256, card.dataset_version)
    assert pointer.folder == f"1-{card.onnx_sha256[:8]}"


def test_a_version_that_is_there_is_not_fetched_again(
    follower: Follower, build: Callable[..., Follower], registry: FakeRegistry, artifact_of: Callable[[int], Path]
) -> None:
    registry.promote("1", artifact_of(1))
    assert [follower.step(), follower.step(), build().step()] == ["switched", "current", "current"]
    assert registry.downloads == 1


def test_a_rollback_is_followed_like_a_promotion(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    for version in (1, 2, 1):
        registry.promote(str(version), artifact_of(version))
        assert follower.step() == "switched"
        assert Pointer.read(pointer_path(home)).version == str(version)


def test_the_same_number_from_another_run_is_another_version(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    registry.promote("1", artifact_of(1))
    follower.step()
    registry.promote("1", artifact_of(2), run_id="run of a new registry")
    assert follower.step() == "switched"
    assert Pointer.read(pointer_path(home)).run_id == "run of a new registry"


def test_with_the_registry_down_the_last_good_copy_stays(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    registry.promote("1", artifact_of(1))
    follower.step()
    registry.down = True
    assert follower.step() == "unavailable"
    assert Pointer.read(pointer_path(home)).version == "1"


def test_a_registry_that_fails_during_the_download_is_asked_again(
    follower: Follower, registry: FakeRegistry, artifact_of: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Path:
        raise RegistryUnavailable("gone")

    registry.promote("1", artifact_of(1))
    with monkeypatch.context() as patch:
        patch.setattr(registry, "download", fail)
        assert follower.step() == "unavailable"
    assert follower.step() == "switched"


@pytest.mark.parametrize("file", ["model.onnx", "card.json", "golden.npz"])
def test_a_corrupted_version_is_refused_and_counted_while_the_old_one_stays(
    follower: Follower,
    registry: FakeRegistry,
    home: Path,
    metrics: Metrics,
    artifact_of: Callable[[int], Path],
    file: str,
) -> None:
    registry.promote("1", artifact_of(1))
    follower.step()
    damaged = artifact_of(2)
    (damaged / file).write_bytes(b"damaged")
    registry.promote("2", damaged)
    assert follower.step() == "refused"
    assert Pointer.read(pointer_path(home)).version == "1"
    assert metrics.registry.get_sample_value("truegrain_model_load_failures_total") == 1
    assert folders(home) == {"1"}


def test_an_artifact_other_than_the_one_the_gate_saw_is_refused(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    registry.promote("1", artifact_of(1), onnx_sha256="0" * 64)
    assert follower.step() == "refused"
    assert not pointer_path(home).exists()


def test_a_card_from_another_world_ends_nothing(
    follower: Follower, registry: FakeRegistry, artifact_of: Callable[[int], Path]
) -> None:
    folder = artifact_of(1)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"preprocess": {"mystery": 1}}))
    registry.promote("1", folder)
    assert follower.step() == "refused"


def test_a_refused_version_is_tried_again_ever_more_rarely(
    follower: Follower, registry: FakeRegistry, clock: list[float], artifact_of: Callable[[int], Path]
) -> None:
    folder = artifact_of(1)
    good = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"damaged")
    registry.promote("1", folder)
    attempts = []
    for _ in range(400):
        before = registry.downloads
        assert follower.step() == "refused"
        if registry.downloads > before:
            attempts.append(clock[0])
        clock[0] += 5
    pauses = [after - before for before, after in itertools.pairwise(attempts)]
    assert pauses[:7] == [5, 10, 20, 40, 80, 160, LONGEST_PAUSE]
    assert max(pauses) == LONGEST_PAUSE
    (folder / "model.onnx").write_bytes(good)
    clock[0] += LONGEST_PAUSE
    assert follower.step() == "switched"


def test_a_tag_that_changes_does_not_end_the_pause_after_a_refusal(
    follower: Follower, registry: FakeRegistry, clock: list[float], artifact_of: Callable[[int], Path]
) -> None:
    folder = artifact_of(1)
    (folder / "model.onnx").write_bytes(b"damaged")
    for poll in range(20):
        registry.promote("1", folder, note=f"{poll}", signature=f"{poll}")
        assert follower.step() == "refused"
        clock[0] += 5
    assert registry.downloads == 5, "at 0, 5, 15, 35 and 75 s"
    registry.promote("1", artifact_of(2), run_id="another run")
    assert follower.step() == "switched"


def test_a_new_version_need_not_wait_for_a_refused_one(
    follower: Follower, registry: FakeRegistry, artifact_of: Callable[[int], Path]
) -> None:
    damaged = artifact_of(1)
    (damaged / "model.onnx").write_bytes(b"damaged")
    registry.promote("1", damaged)
    assert follower.step() == "refused"
    registry.promote("2", artifact_of(2))
    assert follower.step() == "switched"


def test_a_copy_that_was_damaged_while_the_service_was_down_is_fetched_again(
    follower: Follower,
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
) -> None:
    registry.promote("1", artifact_of(1))
    follower.step()
    folder = pointer_path(home).parent / Pointer.read(pointer_path(home)).folder
    (folder / "model.onnx").write_bytes(b"damaged")
    assert build().step() == "switched"
    assert Detector.load(folder).card.onnx_sha256 == Pointer.read(pointer_path(home)).sha256


@pytest.mark.parametrize("card", ["nonsense", '{"preprocess": {"mystery": 1}}'])
def test_a_copy_whose_card_was_harmed_meanwhile_is_fetched_again(
    follower: Follower,
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
    card: str,
) -> None:
    registry.promote("1", artifact_of(1))
    follower.step()
    path = pointer_path(home).parent / Pointer.read(pointer_path(home)).folder / "card.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | json.loads(card)) if card.startswith("{") else card)
    assert build().step() == "switched"
    assert json.loads(path.read_text()) == whole


def test_a_nonsense_pointer_is_replaced(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    pointer_path(home).parent.mkdir(parents=True)
    pointer_path(home).write_text("nonsense")
    registry.promote("1", artifact_of(1))
    assert follower.step() == "switched"


def test_only_the_last_folders_are_kept(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    (pointer_path(home).parent / ".fetching-interrupted").mkdir(parents=True)
    for version in (1, 2, 3, 4):
        registry.promote(str(version), artifact_of(version))
        follower.step()
    assert folders(home) == {"3", "4"}


def test_every_outcome_is_counted(
    follower: Follower, registry: FakeRegistry, metrics: Metrics, artifact_of: Callable[[int], Path]
) -> None:
    follower.step()
    registry.promote("1", artifact_of(1))
    follower.step()
    follower.step()
    follower.step()

    def refuse(_: str) -> ModelVersion | None:
        raise RegistryError("403")

    registry.resolve = refuse  # type: ignore[method-assign]
    follower.step()
    counted = {
        outcome: metrics.registry.get_sample_value(
            "truegrain_follower_polls_total", {"alias": "production", "outcome": outcome}
        )
        for outcome in ("absent", "switched", "current", "unavailable")
    }
    assert counted == {"absent": 1, "switched": 1, "current": 2, "unavailable": 1}


def test_the_shadow_is_followed_beside_production(
    follower: Follower,
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
) -> None:
    registry.promote("1", artifact_of(1))
    registry.promote("2", artifact_of(2), alias="shadow")
    assert [follower.step(), build("shadow").step()] == ["switched", "switched"]
    assert Pointer.read(pointer_path(home)).version == "1"
    assert Pointer.read(pointer_path(home, "shadow")).version == "2"
    assert folders(home) == {"1", "2"}


def test_a_shadow_that_is_promoted_is_not_fetched_again(
    follower: Follower,
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
) -> None:
    registry.promote("2", artifact_of(2), alias="shadow")
    build("shadow").step()
    registry.promote("2", artifact_of(2))
    assert follower.step() == "switched"
    assert Pointer.read(pointer_path(home)).version == "2"
    assert registry.downloads == 1


def test_a_shadow_ends_with_its_alias_while_production_outlives_its_own(
    follower: Follower,
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
) -> None:
    shadow = build("shadow")
    registry.promote("1", artifact_of(1))
    registry.promote("2", artifact_of(2), alias="shadow")
    follower.step(), shadow.step()
    registry.aliases.clear()
    assert [follower.step(), shadow.step()] == ["absent", "absent"]
    assert Pointer.read(pointer_path(home)).version == "1"
    assert not pointer_path(home, "shadow").exists()


def test_what_production_uses_survives_any_number_of_shadows(
    follower: Follower,
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
) -> None:
    registry.promote("1", artifact_of(1))
    follower.step()
    shadow = build("shadow")
    for version in (2, 3, 4):
        registry.promote(str(version), artifact_of(version), alias="shadow")
        shadow.step()
    assert folders(home) == {"1", "3", "4"}


def test_a_registry_that_is_down_is_waited_for_once_a_round(
    build: Callable[..., Follower], registry: FakeRegistry, home: Path
) -> None:
    registry.down = True
    follow_all({"production": build(), "shadow": build("shadow")}, home)
    assert registry.asked == ["production"]
    status = read_status(home)
    assert status is not None
    assert (status.production, status.shadow) == ("unavailable", "unavailable")


def test_the_last_round_can_be_read_by_the_workers(
    build: Callable[..., Follower], registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    assert read_status(home) is None
    registry.promote("1", artifact_of(1))
    follow_all({"production": build(), "shadow": build("shadow")}, home)
    status = read_status(home)
    assert status is not None
    assert (status.production, status.shadow) == ("switched", "absent")


def test_the_lineage_lies_beside_the_artifact_and_follows_what_the_registry_says(
    follower: Follower, registry: FakeRegistry, home: Path, tmp_path: Path, artifact_of: Callable[[int], Path]
) -> None:
    rule = {"name": "accuracy", "value": 0.9, "limit": 0.85, "passed": True, "detail": "90.00 %"}
    registry.files["run-1", "decision.json"] = json.dumps({"promote": True, "rules": [rule]}).encode()
    validated = tmp_path / "lake" / "datasets" / "20260105-0123456789ab" / "validation.json"
    validated.parent.mkdir(parents=True)
    validated.write_text(json.dumps({"success": True, "accepted": 60, "refused": 2, "warnings": ["weak shortcut"]}))
    registry.promote("1", artifact_of(1), dag_run_id="manual__1", gate="passed")
    follower.step()
    folder = pointer_path(home).parent / Pointer.read(pointer_path(home)).folder
    lineage = read_lineage(folder)
    assert lineage is not None
    assert (lineage.dag_run_id, lineage.gate, lineage.promoted_at) == ("manual__1", "passed", None)
    assert [(line.name, line.passed) for line in lineage.gate_lines] == [("accuracy", True)]
    assert lineage.validation is not None
    assert (lineage.validation.accepted, lineage.validation.warnings) == (60, ["weak shortcut"])
    registry.promote("1", artifact_of(1), promoted_at="2026-01-06T00:00:00+00:00", promotion_reason="better")
    assert follower.step() == "current"
    lineage = read_lineage(folder)
    assert lineage is not None
    assert lineage.promotion_reason == "better"


def test_a_version_whose_story_cannot_be_read_serves_all_the_same(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    registry.files["run-1", "decision.json"] = b"nonsense"
    registry.promote("1", artifact_of(1))
    assert [follower.step(), follower.step()] == ["switched", "current"]
    assert read_lineage(pointer_path(home).parent / Pointer.read(pointer_path(home)).folder) is None


@pytest.mark.parametrize("decision", [b'{"promote":true,"rules":[' + b"1," * 400_000 + b"1]}", b"[" * 900_000])
def test_a_story_that_is_all_faults_takes_little_room_in_the_log(
    follower: Follower,
    registry: FakeRegistry,
    artifact_of: Callable[[int], Path],
    capfd: pytest.CaptureFixture[str],
    decision: bytes,
) -> None:
    """Nobody signs it, and a tag that changes has it read anew at each poll: it was 100 MB of log each time."""
    registry.files["run-1", "decision.json"] = decision
    for number in range(3):
        registry.promote("1", artifact_of(1), promotion_reason=str(number))
        assert follower.step() in ("switched", "current")
    assert len("".join(capfd.readouterr())) < 50_000


def test_a_story_is_cut_short(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path]
) -> None:
    rule = {"name": "n" * 2000, "value": 1.0, "limit": 1.0, "passed": True, "detail": "d" * 2000}
    registry.files["run-1", "decision.json"] = json.dumps({"promote": True, "rules": [rule] * 200}).encode()
    registry.promote("1", artifact_of(1), gate_reason="g" * 100_000)
    assert follower.step() == "switched"
    lineage = read_lineage(pointer_path(home).parent / Pointer.read(pointer_path(home)).folder)
    assert lineage is not None
    assert (len(lineage.gate_lines), len(lineage.gate_lines[0].detail), len(lineage.gate_reason or "")) == (
        100,
        1000,
        1000,
    )


def test_a_story_that_the_registry_did_not_tell_is_asked_for_again(
    follower: Follower,
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: str, **__: int) -> bytes | None:
        raise RegistryUnavailable("gone")

    registry.promote("1", artifact_of(1))
    with monkeypatch.context() as patch:
        patch.setattr(registry, "read_file", fail)
        assert follower.step() == "switched"
    assert follower.step() == "current"
    assert read_lineage(pointer_path(home).parent / Pointer.read(pointer_path(home)).folder) is not None


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.generate()


def signed(folder: Path, key: PrivateKey, version: str, *, issue: int = 1000) -> str:
    return sign(folder, key, name="ai-image-detector", version=version, issue=issue)


def test_with_a_required_key_only_what_its_owner_signed_is_taken(
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    key: PrivateKey,
    artifact_of: Callable[[int], Path],
) -> None:
    folder = artifact_of(1)
    follower = build(public_key=key.public_key())
    stranger, another_version = signed(folder, PrivateKey.generate(), "1"), signed(folder, key, "2")
    for wrong in ({}, {"signature": "nonsense"}, {"signature": stranger}, {"signature": another_version}):
        registry.promote("1", folder, **wrong)
        assert follower.step() == "refused"
        assert not pointer_path(home).exists()
    registry.promote("1", folder, signature=signed(folder, key, "1"))
    assert follower.step() == "switched", "it need not wait, for the registry says something new"


@pytest.mark.parametrize("change", ["altered", "removed", "added"])
def test_a_signed_version_whose_reference_is_not_its_own_is_refused_until_that_is_mended(
    build: Callable[..., Follower],
    registry: FakeRegistry,
    key: PrivateKey,
    artifact_of: Callable[[int], Path],
    change: str,
) -> None:
    """Its verdicts would be right, and nobody would notice any more that its traffic drifts."""
    folder, other = artifact_of(1), artifact_of(2)
    own = (folder / artifact.REFERENCE).read_bytes()
    if change == "added":
        card = replace(artifact.read_card(folder), reference={})
        (folder / artifact.CARD).write_text(card.to_json())
        registry.promote("1", folder, signature=signed(folder, key, "1"))
    elif change == "altered":
        shutil.copy(other / artifact.REFERENCE, folder)
    else:
        (folder / artifact.REFERENCE).unlink()
    follower = build(public_key=key.public_key())
    registry.promote("1", folder, signature=signed(folder, key, "1"))
    assert follower.step() == "refused"
    if change == "added":
        (folder / artifact.REFERENCE).unlink()
    else:
        (folder / artifact.REFERENCE).write_bytes(own)
    assert build(public_key=key.public_key()).step() == "switched"


def test_nothing_unsigned_is_looked_into(
    build: Callable[..., Follower], registry: FakeRegistry, key: PrivateKey, artifact_of: Callable[[int], Path]
) -> None:
    looked_into: list[Path] = []
    follower = build(public_key=key.public_key(), check=looked_into.append)
    registry.promote("1", artifact_of(1))
    assert (follower.step(), looked_into) == ("refused", [])
    folder = artifact_of(1)
    registry.promote("1", folder, signature=signed(folder, key, "1"))
    assert (follower.step(), len(looked_into)) == ("switched", 1)


def test_a_signature_issued_before_the_last_one_is_refused_until_the_version_is_signed_again(
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    key: PrivateKey,
    artifact_of: Callable[[int], Path],
) -> None:
    first, second = artifact_of(1), artifact_of(2)
    follower = build(public_key=key.public_key())
    for version, folder, issue in (("1", first, 1000), ("2", second, 2000)):
        registry.promote(version, folder, signature=signed(folder, key, version, issue=issue))
        assert follower.step() == "switched"
    registry.promote("1", first, signature=signed(first, key, "1", issue=1000))
    assert [follower.step(), build(public_key=key.public_key()).step()] == ["refused", "refused"]
    assert Pointer.read(pointer_path(home)).version == "2"
    registry.promote("1", first, signature=signed(first, key, "1", issue=3000))
    assert follower.step() == "switched", "an operator who holds the key may go back"


def test_signing_the_version_in_service_anew_shuts_out_what_was_signed_before_that(
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    key: PrivateKey,
    artifact_of: Callable[[int], Path],
) -> None:
    first, regretted = artifact_of(1), artifact_of(2)
    follower = build(public_key=key.public_key())
    for issue in (1000, 3000):
        registry.promote("1", first, signature=signed(first, key, "1", issue=issue))
        assert follower.step() == "switched"
        assert Pointer.read(pointer_path(home)).signature.startswith(f"{issue}:")
    assert (follower.step(), registry.downloads) == ("current", 1)
    registry.promote("2", regretted, signature=signed(regretted, key, "2", issue=2000))
    assert follower.step() == "refused"


def test_a_signature_that_disappears_is_told_while_the_version_goes_on(
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    key: PrivateKey,
    artifact_of: Callable[[int], Path],
) -> None:
    folder = artifact_of(1)
    follower = build(public_key=key.public_key())
    registry.promote("1", folder, signature=signed(folder, key, "1"))
    follower.step()
    registry.promote("1", folder)
    assert follower.step() == "refused"
    assert Pointer.read(pointer_path(home)).signature == signed(folder, key, "1")


def test_what_was_served_before_signatures_were_asked_for_is_signed_without_a_download(
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    key: PrivateKey,
    artifact_of: Callable[[int], Path],
) -> None:
    folder = artifact_of(1)
    registry.promote("1", folder)
    assert build().step() == "switched"
    registry.promote("1", folder, signature=signed(folder, key, "1"))
    assert build().step() == "current"
    assert build(public_key=key.public_key()).step() == "switched"
    assert (registry.downloads, Pointer.read(pointer_path(home)).signature) == (1, signed(folder, key, "1"))


@pytest.mark.parametrize("version", ["../../outside", "7/../../outside", "", "\u0667", "-1"])
def test_a_version_that_is_no_number_names_no_folder(
    follower: Follower, registry: FakeRegistry, home: Path, artifact_of: Callable[[int], Path], version: str
) -> None:
    outside = home.parent / "outside-0"
    outside.mkdir()
    registry.promote(version, artifact_of(1))
    assert (follower.step(), registry.downloads) == ("refused", 0)
    assert outside.exists()


def test_a_detector_that_never_ends_is_refused_and_the_other_alias_is_followed_meanwhile(
    build: Callable[..., Follower],
    registry: FakeRegistry,
    home: Path,
    artifact_of: Callable[[int], Path],
    endless_artifact: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check = make_check(Settings(check_seconds=5))
    followers = {alias: build(alias, check=check) for alias in ("production", "shadow")}
    registry.promote("1", endless_artifact)
    registry.promote("2", artifact_of(2), alias="shadow")
    follow_all(followers, home)
    status = read_status(home)
    assert status is not None
    assert (status.production, status.shadow) == ("refused", "switched")
    assert "TRUEGRAIN_CHECK_SECONDS" in capsys.readouterr().out
    registry.promote("2", artifact_of(2))
    assert followers["production"].step() == "switched"


def test_both_aliases_are_followed_and_a_required_key_must_be_one(tmp_path: Path) -> None:
    assert set(build_followers(Settings(home=tmp_path))) == {"production", "shadow"}
    with pytest.raises(SettingsError, match=r"release\.pub\.pem"):
        build_followers(Settings(home=tmp_path, require_signature=str(tmp_path / "release.pub.pem")))
