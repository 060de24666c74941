import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import registry
from model.detectors import artifact
from model.detectors.detector import Detector
from model.errors import ArtifactError, RegistryError, RegistryUnavailable
from model.registry import ModelVersion, Registry

Write = Callable[..., Path]
Add = Callable[..., ModelVersion]


def test_an_artifact_comes_back_from_the_registry_as_it_was_logged(
    models: Registry, release: Add, tmp_path: Path
) -> None:
    version = release(1.0)
    by_version = models.download(version.version, tmp_path / "by version")
    by_run = models.download(version.run_id, tmp_path / "by run")
    for name in (*artifact.FILES, artifact.REFERENCE):
        original = (tmp_path / "tiny+1" / name).read_bytes()
        assert (by_version / name).read_bytes() == (by_run / name).read_bytes() == original


def test_an_artifact_without_a_reference_comes_back_without(
    models: Registry, tiny_artifact: Write, tmp_path: Path
) -> None:
    folder = tiny_artifact()
    (folder / artifact.REFERENCE).unlink()
    with models.run("train", params={}) as run:
        run.log_artifact(folder)
    fetched = models.download(run.id, tmp_path / "fetched")
    assert sorted(path.name for path in fetched.iterdir()) == sorted(artifact.FILES)


def test_a_file_that_is_too_large_is_not_downloaded(
    models: Registry, tiny_artifact: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with models.run("train", params={}) as run:
        run.log_artifact(tiny_artifact())
    most = {**artifact.MOST_BYTES, artifact.GOLDEN: 1000}
    with monkeypatch.context() as patch:
        patch.setattr(artifact, "MOST_BYTES", most)
        with pytest.raises(ArtifactError, match=r"golden\.npz has [0-9,]+ bytes, at most 1,000 are allowed"):
            models.download(run.id, tmp_path / "fetched")
    assert list((tmp_path / "fetched").iterdir()) == []
    with pytest.raises(RegistryError, match=r"'detector/card\.json' of the run has [0-9,]+ bytes, at most 10 are read"):
        models.read_file(run.id, f"{registry.FULL}/{artifact.CARD}", most_bytes=10)


@pytest.mark.parametrize("name", artifact.FILES)
def test_a_folder_in_the_place_of_a_file_is_not_downloaded(
    models: Registry, tiny_artifact: Write, tmp_path: Path, name: str
) -> None:
    folder = tiny_artifact()
    (folder / name).unlink()
    (folder / name).mkdir()
    (folder / name / "large").write_bytes(bytes(100_000))
    with models.run("train", params={}) as run:
        run.log_folder(folder, registry.FULL)
    with pytest.raises(ArtifactError, match=rf"has no file {re.escape(name)} in 'detector'"):
        models.download(run.id, tmp_path / "fetched")
    assert list((tmp_path / "fetched").iterdir()) == []


def test_a_file_that_becomes_a_folder_while_it_is_fetched_is_refused(
    models: Registry, tiny_artifact: Write, tmp_path: Path
) -> None:
    with models.run("train", params={}) as run:
        run.log_artifact(tiny_artifact())

    class Replaced:
        """A client of a server on which each file has become a folder when it is downloaded."""

        list_artifacts = staticmethod(models.client.list_artifacts)

        def download_artifacts(self, _run_id: str, path: str, into: str) -> str:
            (Path(into) / path).mkdir(parents=True)
            return str(Path(into) / path)

    replaced = replace(models, make_client=lambda _: Replaced())  # type: ignore[arg-type,return-value]
    with pytest.raises(ArtifactError, match=r"has no file model\.onnx in 'detector'"):
        replaced.download(run.id, tmp_path / "fetched")
    with pytest.raises(RegistryError, match=r"'detector/card\.json' of the run has become a folder"):
        replaced.read_file(run.id, f"{registry.FULL}/{artifact.CARD}")


def test_a_broken_artifact_is_not_logged(models: Registry, tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    (folder / artifact.MODEL).write_bytes(b"altered")
    with pytest.raises(ArtifactError, match="altered"), models.run("train", params={}) as run:
        run.log_artifact(folder)
    assert models.read_file(run.id, f"{registry.FULL}/{artifact.CARD}") is None


def test_mlflow_serves_a_logged_artifact_with_the_detectors_own_answers(
    models: Registry, release: Add, tmp_path: Path
) -> None:
    run_id = release(1.0).run_id
    from mlflow import pyfunc  # after the registry, which silences the warnings of this import

    models.client.download_artifacts(run_id, registry.FULL, str(tmp_path))
    served = pyfunc.load_model(str(tmp_path / registry.FULL))
    pixels = np.random.default_rng(3).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    expected = Detector.load(tmp_path / registry.FULL).score(pixels)
    found = served.predict({"pixels": pixels})
    np.testing.assert_array_equal(found["probability"], expected.probability)
    np.testing.assert_array_equal(found["cam"], expected.cam)
    np.testing.assert_array_equal(found["embedding"], expected.embedding)


def test_registering_a_run_twice_gives_one_version(models: Registry, add: Add) -> None:
    first = add()
    models.set_alias(registry.CANDIDATE, first.version)
    second = models.register(first.run_id, tags={"gate": "passed", "git_sha": "abc"})
    assert second.version == first.version == "1"
    assert second.aliases == (registry.CANDIDATE,)
    assert second.tags == {"gate": "passed", "git_sha": "abc"}
    assert models.find(first.run_id) == models.resolve("1") == second


def test_the_variants_of_a_run_are_versions_of_their_own(
    models: Registry, tiny_artifact: Write, tmp_path: Path
) -> None:
    with models.run("train", params={}) as run:
        run.log_artifact(tiny_artifact(1.0))
        run.log_artifact(tiny_artifact(2.0), variant=registry.INT8)
    full = models.register(run.id, tags={})
    small = models.register(run.id, tags={}, variant=registry.INT8)
    assert (full.version, full.variant, small.version, small.variant) == ("1", registry.FULL, "2", registry.INT8)
    assert models.register(run.id, tags={}, variant=registry.INT8) == small == models.find(run.id)
    fetched = [
        models.download(full.version, tmp_path / "full"),
        models.download(small.version, tmp_path / "small"),
        models.download(run.id, tmp_path / "of run", variant=registry.INT8),
    ]
    written = [tmp_path / "tiny+1", tmp_path / "tiny+2", tmp_path / "tiny+2"]
    assert [(f / artifact.MODEL).read_bytes() for f in fetched] == [(w / artifact.MODEL).read_bytes() for w in written]


def test_registering_a_run_from_two_threads_gives_one_version(models: Registry, add: Add) -> None:
    add()  # so that the model exists
    with models.run("train", params={}) as run:
        pass
    barrier = threading.Barrier(2)

    def register(_: int) -> str:
        barrier.wait()
        return models.register(run.id, tags={}).version

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(register, range(2))) == {"2"}


def test_what_nobody_registered_is_none(models: Registry, add: Add) -> None:
    assert models.resolve("production") is None
    assert models.find("0" * 32) is None
    add()
    assert models.resolve("production") is None
    assert models.resolve("7") is None
    assert models.find("0" * 32) is None


def test_a_run_that_does_not_exist_cannot_be_registered(models: Registry) -> None:
    with pytest.raises(RegistryError, match="refused") as caught:
        models.register("0" * 32, tags={})
    assert not isinstance(caught.value, RegistryUnavailable)
