import io
import json
import resource
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.detectors import artifact
from model.detectors.artifact import CARD, FILES, GOLDEN, MODEL, REFERENCE, Card
from model.detectors.reference import pack_reference
from model.errors import ArtifactError
from model.images.preprocess import Preprocess

Write = Callable[..., Path]


def test_a_written_artifact_is_read_back_unchanged(tiny_artifact: Write, tmp_path: Path) -> None:
    first = artifact.load(tiny_artifact())
    artifact.write(tmp_path / "copy", model=first.model, card=first.card, golden=first.golden)
    second = artifact.load(tmp_path / "copy")
    assert (second.model, second.card) == (first.model, first.card)
    np.testing.assert_array_equal(second.golden.pixels, first.golden.pixels)
    np.testing.assert_array_equal(second.golden.probability, first.golden.probability)
    np.testing.assert_array_equal(second.golden.cam, first.golden.cam)
    np.testing.assert_array_equal(second.golden.embedding, first.golden.embedding)


def test_a_card_survives_json(tiny_artifact: Write) -> None:
    card = artifact.read(tiny_artifact())
    assert Card.from_json(card.to_json()) == card


@pytest.mark.parametrize("name", FILES)
def test_a_folder_without_one_of_its_files_is_refused(tiny_artifact: Write, name: str) -> None:
    folder = tiny_artifact()
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} missing"):
        artifact.read(folder)


def test_a_model_of_which_one_byte_was_changed_is_refused(tiny_artifact: Write) -> None:
    path = tiny_artifact() / MODEL
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="altered"):
        artifact.read(path.parent)


def test_a_card_with_the_hash_of_another_model_is_not_written(tiny_artifact: Write, tmp_path: Path) -> None:
    good = artifact.load(tiny_artifact())
    with pytest.raises(ArtifactError, match="altered"):
        artifact.write(tmp_path / "new", model=good.model, card=replace(good.card, onnx_sha256="0"), golden=good.golden)
    assert not (tmp_path / "new").exists()


def test_the_reference_is_read_when_it_is_the_cards(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    reference = artifact.read_reference(folder)
    assert reference is not None
    assert artifact.sha256(pack_reference(reference)) == artifact.read(folder).reference["sha256"]


def test_an_artifact_without_a_reference_is_whole(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    (folder / REFERENCE).unlink()
    (folder / CARD).write_text(replace(artifact.read(folder), reference={}).to_json())
    assert artifact.read_reference(folder) is None
    assert artifact.list_files(folder) == FILES
    artifact.read(folder)


def test_a_reference_that_is_lost_is_no_artifact_without_one_and_verdicts_do_without_it(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    (folder / REFERENCE).unlink()
    with pytest.raises(ArtifactError, match=REFERENCE):
        artifact.read_reference(folder)
    artifact.load(folder)


def test_the_reference_of_another_model_is_refused(tiny_artifact: Write) -> None:
    ours, theirs = tiny_artifact(0.0), tiny_artifact(1.0)
    (ours / REFERENCE).write_bytes((theirs / REFERENCE).read_bytes())
    with pytest.raises(ArtifactError, match="not the reference of this model"):
        artifact.read_reference(ours)


def test_a_reference_that_no_card_names_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    card = artifact.read(folder)
    (folder / CARD).write_text(replace(card, reference={}).to_json())
    with pytest.raises(ArtifactError, match="the card says it has none"):
        artifact.read_reference(folder)


def test_a_reference_without_a_readable_card_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    (folder / CARD).unlink()
    with pytest.raises(ArtifactError, match=CARD):
        artifact.read_reference(folder)


def test_a_reference_of_another_hash_than_the_card_says_is_not_written(tiny_artifact: Write, tmp_path: Path) -> None:
    good = artifact.load(tiny_artifact())
    with pytest.raises(ArtifactError, match=REFERENCE):
        artifact.write(tmp_path / "new", model=good.model, card=good.card, golden=good.golden, reference=b"another")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("threshold", "high"), ("band", [0.5]), ("classes", None), ("preprocess", {"size": "large"})]
)
def test_a_card_with_a_value_of_the_wrong_type_is_refused(tiny_artifact: Write, key: str, value: object) -> None:
    content = json.loads((tiny_artifact() / CARD).read_text()) | {key: value}
    with pytest.raises(ArtifactError, match=key):
        Card.from_json(json.dumps(content))


def test_a_card_without_a_version_of_preprocessing_means_the_first(tiny_artifact: Write) -> None:
    content = json.loads((tiny_artifact() / CARD).read_text())
    assert content["preprocess"] == {"size": 32, "version": 2}
    old = Card.from_json(json.dumps(content | {"preprocess": {"size": 32}}))
    assert old.preprocess == Preprocess(32, version=1)
    assert Card.from_json(old.to_json()) == old


def test_a_card_of_an_earlier_release_says_neither_bounds_nor_the_images_of_its_calibration(
    tiny_artifact: Write,
) -> None:
    content = json.loads((tiny_artifact() / CARD).read_text())
    del content["operating_bounds"], content["calibrated_on"]
    old = Card.from_json(json.dumps(content))
    assert (old.operating_bounds, old.calibrated_on) == ({}, {})
    assert old.operating_points == {"0.01": 0.9, "0.05": 0.8}


@pytest.mark.parametrize(
    "preprocess", [{"size": 32, "version": 3}, {"size": 0}, {"size": 32, "crop": "corner"}, {"version": 2}, {}, 32]
)
def test_a_card_with_preprocessing_that_cannot_be_repeated_is_refused(tiny_artifact: Write, preprocess: object) -> None:
    content = json.loads((tiny_artifact() / CARD).read_text()) | {"preprocess": preprocess}
    with pytest.raises(ArtifactError, match="preprocess"):
        Card.from_json(json.dumps(content))


def test_a_card_with_an_unknown_key_is_refused(tiny_artifact: Write) -> None:
    content = json.loads((tiny_artifact() / CARD).read_text()) | {"treshold": 0.5}
    with pytest.raises(ArtifactError, match="treshold"):
        Card.from_json(json.dumps(content))


def test_a_card_with_a_missing_key_is_refused(tiny_artifact: Write) -> None:
    content = json.loads((tiny_artifact() / CARD).read_text())
    del content["threshold"]
    with pytest.raises(ArtifactError, match="threshold"):
        Card.from_json(json.dumps(content))


def test_a_card_that_is_no_json_is_refused() -> None:
    with pytest.raises(ArtifactError, match=CARD):
        Card.from_json(b"\xff\x00")


def test_golden_arrays_that_would_need_unpickling_are_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    objects = np.array([print], dtype=object)
    np.savez(folder / GOLDEN, pixels=objects, probability=objects, cam=objects)
    with pytest.raises(ArtifactError, match="golden"):
        artifact.read(folder)


@pytest.mark.parametrize("spoil", [lambda data: data[:100], lambda _: b"", lambda _: b"no archive"])
def test_golden_arrays_that_cannot_be_read_are_refused(tiny_artifact: Write, spoil: Callable[[bytes], bytes]) -> None:
    path = tiny_artifact() / GOLDEN
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ArtifactError, match="golden"):
        artifact.read(path.parent)


def test_an_artifact_without_golden_images_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    golden = artifact.load(folder).golden
    np.savez(folder / GOLDEN, pixels=golden.pixels[:0], probability=golden.probability[:0], cam=golden.cam[:0])
    with pytest.raises(ArtifactError, match="at least one"):
        artifact.read(folder)


def test_a_bomb_of_golden_arrays_is_refused_by_what_it_announces(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    write_zeros(folder / GOLDEN, shape=(1_000_000_000,))
    assert (folder / GOLDEN).stat().st_size < 10_000_000
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArtifactError, match=r"unpack to 1,000,000,128 bytes, at most 256,000,000 are read"):
        artifact.load(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 100_000, "kB"


def test_a_header_that_names_more_values_than_there_are_is_refused_before_there_is_room_for_them(
    tiny_artifact: Write,
) -> None:
    folder = tiny_artifact()
    write_zeros(folder / GOLDEN, shape=(10**15,), zeros=1000)
    with pytest.raises(ArtifactError, match="is not what its header says: 1,000,000,000,000,000 bytes of uint8"):
        artifact.load(folder)


def write_zeros(path: Path, *, shape: tuple[int, ...], zeros: int | None = None) -> None:
    """Write an archive whose array claims that shape, but holds so many zeros."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    left = int(np.prod(shape)) if zeros is None else zeros
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("pixels.npy", "w", force_zip64=True) as file,
    ):
        file.write(header.getvalue())
        while left:
            file.write(bytes(part := min(left, 10_000_000)))
            left -= part


def test_arrays_that_are_compressed_in_another_way_or_are_many_are_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    with zipfile.ZipFile(folder / GOLDEN, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("pixels.npy", b"x")
    with pytest.raises(ArtifactError, match=r"pixels\.npy is compressed in another way"):
        artifact.load(folder)
    with zipfile.ZipFile(folder / GOLDEN, "w") as archive:
        for number in range(33):
            archive.writestr(f"{number}.npy", b"x")
    with pytest.raises(ArtifactError, match="33 arrays, at most 32 are read"):
        artifact.load(folder)


@pytest.mark.parametrize("name", [*FILES, REFERENCE])
def test_a_file_that_is_larger_than_any_of_its_kind_is_not_read(tiny_artifact: Write, name: str) -> None:
    folder = tiny_artifact()
    with (folder / name).open("r+b") as file:
        file.truncate(artifact.MOST_BYTES[name] + 1)  # a hole in the file, which takes no room on the disk
    for look in (artifact.load, artifact.digest):
        with pytest.raises(ArtifactError, match=rf"{name} has [0-9,]+ bytes, at most [0-9,]+ are allowed"):
            look(folder)


def test_one_hash_stands_for_all_files_as_sha256sum_computes_it(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    sums = subprocess.run(["sha256sum", *FILES], cwd=folder, capture_output=True, check=True).stdout
    told = subprocess.run(["sha256sum"], input=sums, capture_output=True, check=True).stdout
    assert artifact.digest(folder) == told.decode().split()[0]


def test_what_a_card_says_is_short_and_finite(tiny_artifact: Write) -> None:
    """It stands in every verdict and in a label of every scrape, and NaN is no JSON."""
    card = json.loads((tiny_artifact() / CARD).read_text())
    for wrong in ({"dataset_version": "x" * 1001}, {"threshold": float("nan")}, {"band": [0, float("inf")]}):
        with pytest.raises(ArtifactError, match=next(iter(wrong))):
            artifact.Card.from_json(json.dumps(card | wrong))
