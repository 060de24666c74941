"""Pixels are decoded once for all processes, also after a failure."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest, split_rows
from model.errors import LockHeld, StorageFull, TrainingError
from model.images import preprocess
from model.images.preprocess import Preprocess
from model.processes import locked
from model.sources.labelled_image import LabelledImage
from model.training.data import samples as pixels
from model.training.data.samples import Samples, input_size, load_samples
from support.full_disk import PROTOCOL, ROOM, register
from support.small_images import labelled, many


def load(lake: Lake, dataset: str, cache: Path, *, leave_out: str = "") -> Samples:
    return load_samples(lake, dataset, "train", Preprocess(32), cache=cache, leave_out=leave_out)


def stored_in(cache: Path) -> Path:
    """Return the only array in a cache, beside which only its lock may lie."""
    (array,) = (path for path in cache.iterdir() if path.suffix != ".lock")
    return array


def test_a_few_large_files_are_held_at_once_and_many_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_BYTES_AT_ONCE", 1_000)
    large, small = [bytes(600)] * 5, [bytes(1)] * 300
    assert [len(chunk) for chunk in pixels._chunks(iter(large + small))] == [2, 2, 256, 45]


def test_images_smaller_than_the_recipe_are_not_enlarged(lake: Lake, dataset: str) -> None:
    manifest = read_manifest(lake, dataset)
    assert input_size(manifest, largest=64) == 32
    assert input_size(manifest, largest=16) == 16


def test_samples_are_decoded_once_and_mapped_afterwards(lake: Lake, dataset: str, tmp_path: Path) -> None:
    first = load(lake, dataset, tmp_path / "cache")
    written = stored_in(tmp_path / "cache").stat().st_mtime_ns
    again = load(lake, dataset, tmp_path / "cache")
    assert stored_in(tmp_path / "cache").stat().st_mtime_ns == written
    assert (first.pixels == again.pixels).all()
    rows = split_rows(read_manifest(lake, dataset), "train")
    assert list(first.labels) == [float(label == "ai") for label in rows["label"]]


def test_samples_know_the_clusters_of_their_images(lake: Lake, dataset: str, tmp_path: Path) -> None:
    rows = split_rows(read_manifest(lake, dataset), "train")
    found = load(lake, dataset, tmp_path / "cache")
    assert len(np.unique(found.clusters)) == rows["cluster"].nunique()
    assert len(found.independent) == len(rows.drop_duplicates(["cluster", "label"]))


def test_one_image_of_each_cluster_and_label_is_independent() -> None:
    labels = np.float32([0, 1, 1, 0, 0, 1])
    held = Samples(np.zeros((6, 8, 8, 3), np.uint8), labels, clusters=np.array([4, 4, 4, 2, 2, 7]))
    assert held.independent.tolist() == [0, 1, 3, 5]
    assert replace(held, clusters=np.empty(0, np.int64)).independent.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", None])
def test_pixels_that_a_crash_cut_off_are_decoded_again(
    lake: Lake, dataset: str, tmp_path: Path, damage: bytes | None
) -> None:
    whole = np.array(load(lake, dataset, tmp_path).pixels)
    stored = tmp_path / f"{dataset}-train-32-v2.npy"
    stored.write_bytes(stored.read_bytes()[:-1000] if damage is None else damage)
    assert (load(lake, dataset, tmp_path).pixels == whole).all()


def test_pixels_of_another_preprocessing_are_not_taken_for_these(lake: Lake, dataset: str, tmp_path: Path) -> None:
    first, second = (
        load_samples(lake, dataset, "train", Preprocess(8, version=version), cache=tmp_path) for version in (1, 2)
    )
    assert len(list(tmp_path.glob("*.npy"))) == 2
    assert (first.pixels != second.pixels).any(), "images of 32 pixels are four times the input"


def test_of_two_who_ask_at_once_one_decodes(
    lake: Lake, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []

    def count(data: bytes, **options: object) -> object:
        decoded.append(data)
        return decode(data, **options)

    decode = preprocess.decode
    monkeypatch.setattr(preprocess, "decode", count)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: load(lake, dataset, tmp_path / "cache"), range(2))
    assert (one.pixels == two.pixels).all()
    assert len(decoded) == len(one.labels)


def test_nobody_waits_for_ever_for_one_who_decodes(
    lake: Lake, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "PATIENCE", timedelta(0))
    lock = tmp_path / f"{dataset}-train-32-v2.lock"
    with locked(lock), pytest.raises(LockHeld, match=str(lock)):
        load(lake, dataset, tmp_path)


def test_a_full_disk_is_named_and_leaves_no_half_file(lake: Lake, dataset: str, tmp_path: Path) -> None:
    rows = split_rows(read_manifest(lake, dataset), "train")
    register()
    for change in (1, 2, 3):
        ROOM.reset(full_at=change)
        place = UPath(f"{PROTOCOL}://{tmp_path}/full-{change}/train.npy")
        with pytest.raises(StorageFull, match=r"no room for .*train\.npy'.*the disk is full.*TRUEGRAIN_HOME"):
            pixels._decode_into(place, lake, rows, Preprocess(32), (len(rows), 32, 32, 3))
        ROOM.reset()
        assert not list(tmp_path.glob("full-*/*"))


@pytest.fixture
def two_generators(publish_images: Callable[[Iterator[LabelledImage]], str]) -> str:
    images = [
        replace(image, generator="first" if number % 3 else "second") if image.label == "ai" else image
        for number, image in enumerate(many(120))
    ]
    return publish_images(iter(images))


def test_a_generator_can_be_left_out(lake: Lake, two_generators: str, tmp_path: Path) -> None:
    whole = load(lake, two_generators, tmp_path)
    without = load(lake, two_generators, tmp_path, leave_out="second")
    rows = split_rows(read_manifest(lake, two_generators), "train")
    kept = (rows["generator"] != "second").to_numpy()
    assert 0 < kept.sum() < len(rows)
    assert (without.pixels == whole.pixels[kept]).all()
    assert (without.labels == whole.labels[kept]).all()


def test_groups_tell_real_images_and_each_generator_apart(lake: Lake, two_generators: str, tmp_path: Path) -> None:
    rows = split_rows(read_manifest(lake, two_generators), "train")
    known = rows["generator"].map({"first": 1, "second": 2}).fillna(0)
    assert list(load(lake, two_generators, tmp_path).groups) == list(known)


def test_samples_know_the_files_they_came_from(lake: Lake, two_generators: str, tmp_path: Path) -> None:
    rows = split_rows(read_manifest(lake, two_generators), "train")
    for left_out, kept in (("", rows), ("second", rows[rows["generator"] != "second"])):
        files = load(lake, two_generators, tmp_path, leave_out=left_out).files
        assert files["bytes"].tolist() == kept["bytes"].tolist()
        assert set(files["format"]) == set(kept["format"])


def test_samples_of_no_files_are_their_own() -> None:
    samples = Samples(np.zeros((2, 8, 16, 3), np.uint8), np.float32([0, 1]))
    assert samples.files[["width", "height", "bytes"]].to_numpy().tolist() == [[16, 8, 384]] * 2


def test_a_generator_that_does_not_exist_cannot_be_left_out(lake: Lake, two_generators: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"leave_out='third'.*known generators are first, second"):
        load(lake, two_generators, tmp_path, leave_out="third")


def test_the_only_generator_cannot_be_left_out(lake: Lake, dataset: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no other generator"):
        load(lake, dataset, tmp_path, leave_out="blocks")


def test_a_split_without_images_is_named(
    lake: Lake, publish_images: Callable[[Iterator[LabelledImage]], str], tmp_path: Path
) -> None:
    version = publish_images(labelled(number, "real", split="test") for number in range(3))
    with pytest.raises(TrainingError, match=f"'{version}' has no train images"):
        load(lake, version, tmp_path)
