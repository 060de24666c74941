"""The data card of a version is valid Croissant, and says what the version holds."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from model.dataset.card.columns import DESCRIPTIONS, TYPES
from model.dataset.card.version_card import FILE, write_card
from model.dataset.erasure import erase_from_lake
from model.dataset.ingest import publish
from model.dataset.lake import Lake
from model.dataset.manifest import SCHEMA, read_manifest
from model.dataset.tombstones import withdraw
from model.dataset.validation import Validation, write_validation
from model.sources.labelled_image import LabelledImage
from support.data_cards import IGNORE_ITS_WARNINGS, open_card, read_card
from support.small_images import NOW, labelled, many

pytestmark = IGNORE_ITS_WARNINGS

Publish = Callable[[Iterable[LabelledImage]], str]


def folder_of(lake: Lake, version: str) -> Path:
    return Path(str(lake.version_path(version)))


def test_croissants_own_reader_accepts_the_card_and_reads_the_images(lake: Lake, publish_images: Publish) -> None:
    version = publish_images(replace(image, licence="MIT", revision="c0ffee") for image in many(40))
    dataset = open_card(folder_of(lake, version))
    records = list(dataset.records("images"))
    rows = read_manifest(lake, version)
    assert [record["images/sha256"].decode() for record in records] == list(rows["sha256"])
    assert {record["images/revision"] for record in records} == {b"c0ffee"}
    assert [record["labels/name"] for record in dataset.records("labels")] == ["real", "ai"]
    assert [record["splits/name"] for record in dataset.records("splits")] == ["train", "val", "test"]


def test_the_card_counts_the_images_and_names_every_licence(lake: Lake, publish_images: Publish) -> None:
    images = [*(replace(image, licence="MIT") for image in many(20)), *many(20, start=20)]
    version = publish_images([*images, replace(labelled(90, "ai"), generator="unknown", source="elsewhere")])
    card = read_card(folder_of(lake, version))
    assert (card["identifier"], card["license"]) == (version, ["MIT", "not stated"])
    assert card["description"].startswith("41 labelled images")
    counts = next(each for each in card["recordSet"] if each["@id"] == "counts")["data"]
    assert sum(count["counts/images"] for count in counts) == 41
    rows = read_manifest(lake, version)
    train = rows[(rows["split"] == "train") & (rows["label"] == "real") & (rows["licence"] == "MIT")]
    (found,) = (
        count["counts/images"]
        for count in counts
        if (count["counts/split"], count["counts/label"], count["counts/licence"]) == ("train", "real", "MIT")
    )
    assert found == len(train) > 0
    assert "The generator of 1 images is unknown." in card["rai:dataLimitations"]
    assert "The licence of 21 images is not stated." in card["rai:dataLimitations"]


def test_the_sums_of_all_files_stand_in_the_card(lake: Lake, publish_images: Publish) -> None:
    version = publish_images(many(40))
    assert len(read_card(folder_of(lake, version))["distribution"]) == 2


def test_what_validation_warned_of_stands_in_the_card(lake: Lake, publish_images: Publish) -> None:
    version = publish_images(many(40))
    assert "rai:dataBiases" not in read_card(folder_of(lake, version))
    write_validation(lake, Validation(version=version, success=True, warnings=("the size tells the label",)))
    write_card(lake, version)
    assert read_card(folder_of(lake, version))["rai:dataBiases"] == ["the size tells the label"]
    open_card(folder_of(lake, version))


def test_the_same_version_has_the_same_card(lake: Lake, publish_images: Publish) -> None:
    version = publish_images(many(40))
    before = (lake.version_path(version) / FILE).read_bytes()
    assert not publish(lake, version)
    write_card(lake, version)
    assert (lake.version_path(version) / FILE).read_bytes() == before


def test_a_shard_is_read_once_for_its_sum(lake: Lake, publish_images: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    version = publish_images(many(40))
    monkeypatch.setattr("model.dataset.card.sums.sum_of", lambda _file: pytest.fail("a shard was read again"))
    write_card(lake, version)


def test_an_erasure_renews_the_cards(lake: Lake, lock: Path, publish_images: Publish) -> None:
    version = publish_images(many(40))
    image = hashlib.sha256(labelled(0, "ai").data).hexdigest()
    withdraw(lake, [image], lock=lock, reason="its author asked", now=NOW + timedelta(days=1), erase=True)
    assert erase_from_lake(lake, lock=lock) is not None
    assert read_card(folder_of(lake, version))["description"].startswith("39 labelled images")
    open_card(folder_of(lake, version))


def test_every_column_is_described_and_has_a_type() -> None:
    assert set(SCHEMA.names) == DESCRIPTIONS.keys() - {"image"}
    assert {field.type for field in SCHEMA} <= TYPES.keys()
