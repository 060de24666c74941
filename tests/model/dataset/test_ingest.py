"""From a source to a dataset version."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.dataset.manifest import SCHEMA, SPLITS, read_candidates, read_manifest, write_rows
from model.dataset.tombstones import withdraw
from model.errors import DatasetError
from model.sources.labelled_image import LabelledImage
from model.sources.synthetic import Order, draw_images
from support.small_images import NOW, collect, labelled, many, scene

TODAY = date(2026, 11, 2)
Publish = Callable[[Iterator[LabelledImage]], str]


def bring_out(lake: Lake, version: str) -> None:
    write_rows(lake, version, read_candidates(lake, version), name="manifest")
    (lake.version_path(version) / "validation.json").write_text('{"success": true}')
    publish(lake, version)


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def summary(lake: Lake, version: str) -> dict[str, Any]:
    return json.loads((lake.version_path(version) / "summary.json").read_text())


def test_the_same_images_again_change_nothing_byte_for_byte(lake: Lake, publish_images: Publish) -> None:
    version = publish_images(many(40))
    before = contents(Path(str(lake.root)))
    again = collect(lake, many(40), now=NOW + timedelta(days=14))
    assert (again.batches, again.added, again.known) == ((), 0, 40)
    assert assemble(lake, today=TODAY + timedelta(days=14)) == version
    assert publish(lake, version) is False
    assert contents(Path(str(lake.root))) == before


def test_the_same_images_make_the_same_version_in_another_lake(lake: Lake, tmp_path: Path) -> None:
    other = Lake(str(tmp_path / "other"))
    for each in (lake, other):
        collect(each, many(40), now=NOW)
    version = assemble(lake, today=TODAY)
    assert assemble(other, today=TODAY) == version
    one, two = (Path(str(each.version_path(version))) / "candidates.parquet" for each in (lake, other))
    assert one.read_bytes() == two.read_bytes()


def test_a_candidate_row_has_every_column_and_leads_back_to_its_bytes(lake: Lake) -> None:
    collect(lake, many(40), now=NOW)
    rows = read_candidates(lake, assemble(lake, today=TODAY))
    assert list(rows.columns) == SCHEMA.names
    shuffled = rows.sample(frac=1, random_state=0)
    hashes = [hashlib.sha256(data).hexdigest() for data in lake.read_images(shuffled)]
    assert hashes == list(shuffled["sha256"])


def test_the_licence_goes_from_the_source_into_the_version_and_its_summary(lake: Lake) -> None:
    stated = (replace(image, licence="MIT") for image in many(10))
    elsewhere = (replace(labelled(number, "ai"), source="elsewhere", licence="CC0-1.0") for number in range(100, 103))
    collect(lake, [*stated, *elsewhere, labelled(200, "real")], now=NOW)
    version = assemble(lake, today=TODAY)
    rows = read_candidates(lake, version)
    assert rows["licence"].fillna("none").value_counts().to_dict() == {"MIT": 10, "CC0-1.0": 3, "none": 1}
    assert summary(lake, version)["licences"] == [
        {"source": "elsewhere", "licence": "CC0-1.0", "images": 3},
        {"source": "made", "licence": "MIT", "images": 10},
        {"source": "made", "licence": None, "images": 1},
    ]


def test_the_licence_under_which_an_image_entered_stays(lake: Lake, publish_images: Publish) -> None:
    version = publish_images(replace(image, licence="MIT") for image in many(40))
    again = collect(lake, (replace(image, licence="CC0-1.0") for image in many(40)), now=NOW + timedelta(days=14))
    assert (again.batches, again.known) == ((), 40)
    assert assemble(lake, today=TODAY + timedelta(days=14)) == version


@pytest.mark.parametrize("lacking", [{"licence", "collection", "revision"}, {"licence"}, {"collection"}, {"revision"}])
def test_a_lake_of_an_earlier_release_is_read_on_and_yields_the_same_version(
    lake: Lake, publish_images: Publish, lacking: set[str]
) -> None:
    version = publish_images(many(40))
    for file in Path(str(lake.root)).rglob("*.parquet"):
        names = lacking.intersection(pq.read_schema(file).names)
        pq.write_table(pq.read_table(file).drop_columns(list(names)), file)
    assert assemble(lake, today=TODAY) == version
    collect(lake, (replace(labelled(number, "ai"), licence="MIT") for number in range(100, 110)), now=NOW)
    later = assemble(lake, today=TODAY)
    bring_out(lake, later)
    assert read_manifest(lake, later)["licence"].fillna("none").value_counts().to_dict() == {"none": 40, "MIT": 10}
    for of in (read_manifest, read_candidates):
        assert list(of(lake, version)) == SCHEMA.names
        assert of(lake, version, columns=(*lacking, "label"))[list(lacking)].isna().all(axis=None)


def test_the_id_of_a_batch_follows_from_its_images_and_what_is_claimed_of_them(lake: Lake) -> None:
    (batch,) = collect(lake, many(4), now=NOW).batches
    lake.set_aside([batch], reason="no licence")
    assert collect(lake, many(4), now=NOW).batches == (batch,)
    lake.set_aside([batch], reason="no licence")
    assert collect(lake, (replace(image, licence="MIT") for image in many(4)), now=NOW).batches != (batch,)
    assert set(lake.facts()["licence"]) == {"MIT"}


def test_no_name_makes_a_batch_look_like_that_of_another_supplier(lake: Lake) -> None:
    def told(image: LabelledImage) -> str:
        sha256 = hashlib.sha256(image.data).hexdigest()
        return "\x1f".join([sha256, image.label, image.source, str(image.generator), str(image.split), image.origin])

    first, *others = many(4)
    crafted = replace(first, origin=first.origin + "".join(map(told, others)))
    assert collect(lake, [crafted], now=NOW).added == 1
    collect(lake, many(4), now=NOW)
    assert len(lake.batches()) == 2
    assert {hashlib.sha256(image.data).hexdigest() for image in many(4)} == {*lake.facts()["sha256"]}


def test_a_lake_whose_batches_have_the_ids_of_an_earlier_version_takes_nothing_twice(
    lake: Lake, publish_images: Publish
) -> None:
    version = publish_images(many(40))
    (batch,) = lake.batches()
    folder = Path(str(lake.root)) / "batches"
    (folder / batch).rename(folder / ("0" * 16))
    later = NOW + timedelta(days=14)
    assert collect(lake, many(40), now=later).batches == ()
    assert (collect(lake, many(41), now=later).added, len(lake.facts())) == (1, 41)
    assert version in lake.versions()
    lake.set_aside(["0" * 16], reason="no licence")
    assert (collect(lake, many(40), now=later + timedelta(days=14)).added, len(lake.facts())) == (40, 41)


def test_one_picture_in_two_containers_is_one_row(lake: Lake) -> None:
    collect(lake, [labelled(1, "ai"), labelled(1, "ai", format_="BMP"), labelled(2, "real")], now=NOW)
    version = assemble(lake, today=TODAY)
    assert len(read_candidates(lake, version)) == 2
    assert summary(lake, version)["left_out"]["duplicate"]["count"] == 1


def test_a_twin_across_splits_stays_in_test_only(lake: Lake) -> None:
    train, test = labelled(1, "ai", split="train"), labelled(1, "ai", split="test", format_="BMP")
    collect(lake, [train, test], now=NOW)
    rows = read_candidates(lake, assemble(lake, today=TODAY))
    assert list(rows["split"]) == ["test"]


def test_two_labels_for_one_image_that_arrive_together_leave_it_out(lake: Lake) -> None:
    image = labelled(1, "ai")
    collect(lake, [image, replace(image, label="real"), labelled(2, "real")], now=NOW)
    version = assemble(lake, today=TODAY)
    assert list(read_candidates(lake, version)["origin"]) == ["2.png"]
    assert [file["origin"] for file in summary(lake, version)["left_out"]["two_labels"]["first"]] == ["1.png"] * 2


def test_a_label_that_contradicts_an_earlier_one_does_not_change_it(lake: Lake, publish_images: Publish) -> None:
    publish_images(many(20))
    first = labelled(0, "ai")
    collect(lake, [replace(first, label="real")], now=NOW + timedelta(days=14))
    rows = read_candidates(lake, assemble(lake, today=TODAY)).set_index("origin")
    assert rows.loc[first.origin, "label"] == "ai"


def test_a_near_duplicate_of_a_test_image_never_becomes_a_training_image(lake: Lake, publish_images: Publish) -> None:
    test = replace(scene(0), split="test")
    publish_images(iter([test, *many(10)]))
    again = replace(scene(0, quality=60), split="train", label="ai")
    collect(lake, [again], now=NOW + timedelta(days=14))
    version = assemble(lake, today=TODAY)
    rows = read_candidates(lake, version).set_index("origin")
    assert rows.loc[again.origin, "split"] == "test"
    assert summary(lake, version)["clusters"] == {"near_duplicates": 1, "images": 2, "largest": 2, "of_both_labels": 1}


def test_a_withdrawn_image_and_its_pixel_twin_are_in_no_later_version_and_listed(
    lake: Lake, lock: Path, publish_images: Publish
) -> None:
    image, twin = labelled(0, "ai"), labelled(0, "ai", format_="BMP")
    first = publish_images(many(20))
    sha256 = hashlib.sha256(image.data).hexdigest()
    withdraw(lake, [sha256], lock=lock, reason="its author asked", now=NOW)
    collect(lake, [twin], now=NOW + timedelta(days=14))
    version = publish_images(iter([twin]))
    assert image.origin in set(read_manifest(lake, first)["origin"])
    assert {image.origin, twin.origin}.isdisjoint(read_manifest(lake, version)["origin"])
    assert summary(lake, version)["withdrawn"] == [
        {"sha256": sha256, "reason": "its author asked", "withdrawn_at": "2026-11-02T02:00:00Z"}
    ]
    assert summary(lake, version)["left_out"]["withdrawn"]["count"] == 2


def test_an_excluded_generator_comes_back_with_the_splits_it_had(lake: Lake, publish_images: Publish) -> None:
    first = publish_images(many(40))
    without = assemble(lake, today=TODAY, exclude=["generator:blocks"])
    bring_out(lake, without)
    assert set(read_manifest(lake, without)["label"]) == {"real"}
    assert summary(lake, without)["excluded"] == ["generator:blocks"]
    assert summary(lake, without)["diff"]["removed"]["generator"] == {"blocks": 20}
    assert lake.latest() == without
    assert assemble(lake, today=TODAY) == first
    assert publish(lake, first) is True
    assert lake.latest() == first


def test_the_demonstration_leaves_when_another_source_comes_and_returns_without_it(
    lake: Lake, publish_images: Publish
) -> None:
    first = publish_images(draw_images(Order(images=40, size=32)))
    collect(lake, many(20), now=NOW + timedelta(days=14))
    mixed = assemble(lake, today=TODAY, demonstration=True)
    without = assemble(lake, today=TODAY)
    assert summary(lake, mixed)["sources"] == {"synthetic": 40, "made": 20}
    assert summary(lake, without)["sources"] == {"made": 20}
    left_out = summary(lake, without)["left_out"]["demonstration"]
    assert (left_out["count"], len(left_out["first"])) == (40, 40)
    assert left_out["first"][0]["origin"].startswith("seed=0/size=32/")
    bring_out(lake, without)
    assert assemble(lake, today=TODAY, exclude=["source:made"]) == first


def test_on_another_day_what_comes_back_is_a_version_of_its_own(lake: Lake, publish_images: Publish) -> None:
    first = publish_images(many(40))
    bring_out(lake, assemble(lake, today=TODAY, exclude=["generator:blocks"]))
    again = assemble(lake, today=TODAY + timedelta(days=14))
    bring_out(lake, again)
    assert (again[:8], again[8:]) == ("20261116", first[8:])
    assert lake.latest() == again
    before, after = (read_manifest(lake, version).set_index("sha256")["split"] for version in (first, again))
    assert after.equals(before)


def test_the_summary_says_what_came_and_what_went_since_the_version_before(
    lake: Lake, lock: Path, publish_images: Publish
) -> None:
    first = publish_images(many(20))
    assert summary(lake, first)["diff"]["previous"] is None
    withdraw(lake, [hashlib.sha256(labelled(0, "ai").data).hexdigest()], lock=lock, reason="wrong", now=NOW)
    new = [labelled(100, "ai"), replace(labelled(101, "real"), source="elsewhere")]
    collect(lake, new, now=NOW + timedelta(days=14))
    diff = summary(lake, assemble(lake, today=TODAY))["diff"]
    assert diff["previous"] == first
    assert diff["added"] == {
        "images": 2,
        "bytes": sum(len(image.data) for image in new),
        "label": {"ai": 1, "real": 1},
        "source": {"made": 1, "elsewhere": 1},
        "generator": {"blocks": 1},
    }
    assert diff["removed"]["images"] == 1
    assert diff["removed"]["label"] == {"ai": 1}


def test_a_split_once_given_never_changes(lake: Lake, publish_images: Publish) -> None:
    before = read_manifest(lake, publish_images(many(60))).set_index("sha256")["split"]
    moved = (replace(image, split="test") for image in many(60))
    collect(lake, moved, now=NOW + timedelta(days=14))
    collect(lake, (labelled(number, "ai") for number in range(100, 120)), now=NOW + timedelta(days=14))
    after = read_candidates(lake, assemble(lake, today=TODAY)).set_index("sha256")["split"]
    assert len(after) == 80
    assert after.reindex(before.index).equals(before)


def test_without_splits_the_hash_deals_eighty_ten_ten(lake: Lake) -> None:
    collect(lake, many(1_000), now=NOW)
    shares = read_candidates(lake, assemble(lake, today=TODAY))["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.8, abs=0.04)
    assert shares["val"] == pytest.approx(0.1, abs=0.03)


def test_a_source_with_train_and_test_only_gets_a_validation_split_from_train(lake: Lake) -> None:
    train = (labelled(number, "ai", split="train") for number in range(200))
    test = (labelled(number, "ai", split="test") for number in range(200, 250))
    collect(lake, [*train, *test], now=NOW)
    rows = read_candidates(lake, assemble(lake, today=TODAY))
    counts = rows["split"].value_counts()
    assert counts["test"] == 50
    assert 5 <= counts["val"] <= 40


def test_a_corrupt_image_enters_with_its_error_and_the_rest_goes_on(lake: Lake) -> None:
    broken = replace(labelled(1, "ai"), data=b"not an image")
    collected = collect(lake, [broken, *many(10)], now=NOW)
    assert (collected.added, collected.undecodable) == (11, 1)
    rows = read_candidates(lake, assemble(lake, today=TODAY))
    assert list(rows["decode_error"].dropna().str.split(":").str[0]) == ["not_an_image"]


def test_of_what_cannot_be_decoded_no_byte_is_kept_but_its_hash_and_it_is_known_again(lake: Lake) -> None:
    noise = b"no image" + np.random.default_rng(0).bytes(2_000_000)
    broken = replace(labelled(1, "ai"), data=noise)
    collect(lake, [broken, *many(4)], now=NOW)
    row = lake.facts().iloc[0]
    assert (row["sha256"], row["bytes"]) == (hashlib.sha256(noise).hexdigest(), len(noise))
    assert next(lake.read_images(lake.facts().head(1))) == b""
    assert sum(path.stat().st_size for path in Path(str(lake.root)).rglob("part-*")) < 100_000
    again = collect(lake, [broken, *many(4)], now=NOW + timedelta(days=14))
    assert (again.added, again.known) == (0, 5)


def test_an_empty_lake_is_an_error_that_says_so(lake: Lake) -> None:
    with pytest.raises(DatasetError, match="holds no images"):
        assemble(lake, today=TODAY)


def test_a_version_that_holds_an_image_withdrawn_meanwhile_is_not_published(lake: Lake, lock: Path) -> None:
    collect(lake, many(20), now=NOW)
    version = assemble(lake, today=TODAY)
    withdraw(lake, [read_candidates(lake, version)["sha256"][3]], lock=lock, reason="its author asked", now=NOW)
    with pytest.raises(DatasetError, match="withdrawn meanwhile; assemble it again"):
        bring_out(lake, version)
    assert lake.versions() == []
    bring_out(lake, assemble(lake, today=TODAY))


def test_a_batch_set_aside_spoils_no_later_version_until_it_is_collected_again(
    lake: Lake, publish_images: Publish
) -> None:
    version = publish_images(many(20))
    bad = [labelled(number, "ai") for number in range(100, 110)]
    batches = collect(lake, bad, now=NOW).batches
    assert len(batches) == 1
    lake.set_aside(batches, reason="one class")
    assert assemble(lake, today=TODAY) == version
    assert collect(lake, bad, now=NOW).batches == batches
    assert len(read_candidates(lake, assemble(lake, today=TODAY))) == 30


def test_a_collection_that_breaks_off_leaves_nothing(lake: Lake) -> None:
    def breaking() -> Iterator[LabelledImage]:
        yield from many(5)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        collect(lake, breaking(), now=NOW)
    assert lake.batches() == []
    assert contents(Path(str(lake.root))) == {}
    assert collect(lake, many(5), now=NOW).added == 5


def test_a_staged_version_is_invisible_and_cannot_be_published_unvalidated(lake: Lake) -> None:
    collect(lake, many(10), now=NOW)
    version = assemble(lake, today=TODAY)
    assert lake.versions() == []
    with pytest.raises(DatasetError, match="not published"):
        read_manifest(lake, version)
    with pytest.raises(DatasetError, match="has not passed validation"):
        publish(lake, version)
    (lake.version_path(version) / "validation.json").write_text('{"success": false}')
    with pytest.raises(DatasetError, match="has not passed validation"):
        publish(lake, version)
    (lake.version_path(version) / "validation.json").write_text('{"accepted": 10}')
    with pytest.raises(DatasetError, match=r"no validation of a dataset version: success: Field required$"):
        publish(lake, version)
    assert lake.latest() is None


def test_a_lake_can_be_any_fsspec_url() -> None:
    lake = Lake("memory://lake-of-a-test")
    collect(lake, many(10), now=NOW)
    assert len(read_candidates(lake, assemble(lake, today=TODAY))) == 10


def test_a_missing_batch_is_named(lake: Lake) -> None:
    collect(lake, many(10), now=NOW)
    rows = read_candidates(lake, assemble(lake, today=TODAY)).assign(batch="elsewhere")
    with pytest.raises(DatasetError, match="batch 'elsewhere'"):
        list(lake.read_images(rows))


@pytest.mark.parametrize("version", ["../../outside/20261102-0123456789ab", "..", "", "20261102-0123456789AB/.."])
def test_what_is_no_id_of_a_version_leads_nowhere(lake: Lake, version: str) -> None:
    outside = Path(str(lake.root)).parent / "outside" / "20261102-0123456789ab"
    outside.mkdir(parents=True)
    (outside / "_SUCCESS").touch()
    for read in (read_manifest, read_candidates, Lake.quarantine_path, publish):
        with pytest.raises(DatasetError, match="cannot be: the id of a version is the day"):
            read(lake, version)


def test_a_collection_can_be_left_out_of_a_version(lake: Lake) -> None:
    images = [replace(image, collection="faces" if number < 6 else None) for number, image in enumerate(many(20))]
    collect(lake, images, now=NOW)
    summary = json.loads((lake.version_path(assemble(lake, today=TODAY)) / "summary.json").read_text())
    (held,) = summary["collections"]
    assert (held["source"], held["collection"], sum(held[split] for split in SPLITS)) == ("made", "faces", 6)
    rows = read_candidates(lake, assemble(lake, today=TODAY, exclude=["collection:faces"]))
    assert len(rows) == 14
    with pytest.raises(DatasetError, match="cannot exclude 'collection:shoes'; the lake holds 'collection:faces'"):
        assemble(lake, today=TODAY, exclude=["collection:shoes"])
