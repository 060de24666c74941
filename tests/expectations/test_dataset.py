import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations import dataset, runner
from expectations.dataset import validate
from expectations.policy import Policy
from expectations.suites.manifest import column_rules, dataset_rules, decoding_rules, image_rules
from expectations.suites.predictions import prediction_rules
from expectations.suites.shortcuts_and_mix import group_shortcut_rules, mix_rules, shortcut_rules
from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake, to_frame
from model.dataset.manifest import SCHEMA, SPLITS, read_manifest, write_rows
from model.dataset.validation import Validation
from model.errors import DatasetError, ValidationFailed
from model.sources.reports import SOURCE as REPORTS
from support.planted_defects import rows_of
from support.small_images import collect, labelled, many

VERSION = "20260105-0123456789ab"
BATCH = "0123"
BROKEN = ["pixel_hash", "phash", "width", "height", "format", "mode", "animated", "brightness", "border"]


def good_rows() -> pd.DataFrame:
    """30 training, 6 validation and 6 test images of each class."""
    kinds = [
        (split, label, n) for split in SPLITS for label in ("real", "ai") for n in range(30 if split == "train" else 6)
    ]
    rows = [good_row(number, *kind) for number, kind in enumerate(kinds)]
    return to_frame(pa.Table.from_pylist(rows, schema=SCHEMA))


def good_row(number: int, split: str, label: str, n: int) -> dict[str, object]:
    digest = hashlib.sha256(f"{split} {label} {n}".encode()).hexdigest()
    return {
        "sha256": digest,
        "pixel_hash": digest[::-1],
        "phash": number,
        "cluster": digest[::-1],
        "batch": BATCH,
        "row": number,
        "label": label,
        "source": "test",
        "generator": "sd" if label == "ai" else None,
        "split": split,
        "width": 32,
        "height": 32,
        "format": "JPEG",
        "mode": "RGB",
        "bytes": 900,
        "jpeg_quality": 90,
        "has_icc": False,
        "has_exif": False,
        "quantization": "0" * 16,
        "animated": False,
        "brightness": 0.5,
        "border": 0.2,
        "origin": f"{split}/{label}/{n}.jpg",
        "ingested_at": pd.Timestamp("2026-01-05", tz="UTC"),
        "decode_error": None,
        "licence": "MIT" if number % 2 else None,
        "revision": None,
    }


@pytest.fixture
def lake(lake) -> Lake:
    (lake.root / "batches" / BATCH).mkdir(parents=True)
    return lake


@pytest.fixture
def stage(lake, monkeypatch):
    """`stage(rows)` makes the rows the candidates of VERSION, even if they are wrong."""

    def write(rows: pd.DataFrame) -> None:
        lake.version_path(VERSION).mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(dataset, "read_candidates", lambda _lake, _version: rows)

    return write


def report(lake: Lake) -> dict:
    return json.loads((lake.version_path(VERSION) / "validation.json").read_text())


def quarantined(lake: Lake) -> pd.DataFrame:
    return pd.read_parquet(str(lake.quarantine_path(VERSION) / "rows.parquet"))


def test_a_good_dataset_passes_and_can_be_published(lake):
    write_rows(lake, VERSION, good_rows(), name="candidates")
    assert validate(lake, VERSION) == Validation(version=VERSION, success=True, accepted=84)
    assert publish(lake, VERSION)
    assert len(read_manifest(lake, VERSION)) == 84
    assert not lake.quarantine_path(VERSION).exists()


@pytest.mark.parametrize("lacking", [["licence", "collection", "revision"], ["collection", "revision"], ["revision"]])
def test_candidates_of_an_earlier_release_pass(lake, lacking):
    write_rows(lake, VERSION, good_rows(), name="candidates")
    file = str(lake.version_path(VERSION) / "candidates.parquet")
    pq.write_table(pq.read_table(file).drop_columns(lacking), file)
    assert validate(lake, VERSION).success


def test_the_report_says_what_was_asked_and_observed(lake, stage):
    stage(good_rows())
    validate(lake, VERSION)
    results = report(lake)["results"]
    train = next(result for result in results if result["rule"] == "train holds at least 10 images of class ai")
    assert (train["observed"], train["success"], train["severity"]) == (30, True, "critical")
    assert all(result["success"] for result in results)
    assert {"type", "kwargs"} <= set(train)


SPOILED = [
    ("label", "dog", "label is none of real, ai"),
    ("label", None, "label is missing"),
    ("split", "holdout", "split is none of train, val, test"),
    ("split", None, "split is missing"),
    ("cluster", None, "cluster is missing"),
    ("sha256", None, "sha256 is missing"),
    ("pixel_hash", None, "pixel_hash is missing"),
    ("width", 15, "width is not 16 to 20,000 pixels"),
    ("width", None, "width is missing"),
    ("height", 20_001, "height is not 16 to 20,000 pixels"),
    ("height", None, "height is missing"),
    ("format", "PSD", "format is none of JPEG, PNG, WEBP, BMP, TIFF, GIF, HEIC, AVIF"),
    ("format", None, "format is missing"),
]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory) -> tuple[Validation, dict[str, str]]:
    """The outcome for rows whose first rows have one wrong value each; and the reasons by origin."""
    rows = good_rows()
    for number, (column, value, _) in enumerate(SPOILED):
        rows.loc[number, column] = value
    lake = Lake(str(tmp_path_factory.mktemp("spoiled")))
    lake.version_path(VERSION).mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "read_candidates", lambda _lake, _version: rows)
        validation = validate(lake, VERSION)
    return validation, quarantined(lake).set_index("origin")["reason"].to_dict()


@pytest.mark.parametrize("number", range(len(SPOILED)), ids=lambda n: SPOILED[n][2])
def test_one_spoiled_value_refuses_its_row_for_that_reason(spoiled, number):
    assert spoiled[1][f"train/real/{number}.jpg"] == SPOILED[number][2]


def test_only_the_spoiled_rows_are_refused(spoiled):
    assert spoiled[0] == Validation(version=VERSION, success=True, accepted=84 - len(SPOILED), refused=len(SPOILED))


@pytest.mark.parametrize("column", ["sha256", "pixel_hash"])
def test_two_rows_for_one_image_are_both_refused(lake, stage, column):
    rows = good_rows()
    rows.loc[4, column] = rows.loc[9, column]
    stage(rows)
    assert validate(lake, VERSION).refused == 2
    assert set(quarantined(lake)["reason"]) == {f"{column} is not unique"}


def test_an_image_that_cannot_be_decoded_is_refused_for_that_alone(lake, stage):
    rows = good_rows()
    rows.loc[5, BROKEN] = None
    rows.loc[5, "decode_error"] = "broken: the JPEG file is damaged or cut off"
    stage(rows)
    assert validate(lake, VERSION).accepted == 83
    refused = quarantined(lake)
    assert refused["reason"].tolist() == ["cannot be decoded"]
    assert refused["decode_error"].tolist() == ["broken: the JPEG file is damaged or cut off"]


def test_a_row_that_is_wrong_twice_names_both_reasons(lake, stage):
    rows = good_rows()
    rows.loc[0, ["label", "width"]] = ["dog", 3]
    stage(rows)
    validate(lake, VERSION)
    assert quarantined(lake)["reason"].tolist() == ["label is none of real, ai; width is not 16 to 20,000 pixels"]


def test_the_refused_rows_are_not_in_the_manifest(lake):
    rows = good_rows()
    rows.loc[3, "width"] = 5
    write_rows(lake, VERSION, rows, name="candidates")
    validate(lake, VERSION)
    publish(lake, VERSION)
    assert set(rows["sha256"]) - set(read_manifest(lake, VERSION)["sha256"]) == {rows.loc[3, "sha256"]}


def missing_class(rows):
    return rows[rows["label"] == "real"]


def too_few_in_test(rows):
    return rows.drop(rows.index[(rows["split"] == "test") & (rows["label"] == "ai")][:2])


def lopsided(rows):
    return rows.drop(rows.index[(rows["split"] == "train") & (rows["label"] == "ai")][:-8])


def one_cluster_in_two_splits(rows):
    return rows.assign(cluster=rows["cluster"].where(~rows.index.isin([0, 83]), "twins"))


def reports_in_test(rows):
    return rows.assign(source=rows["source"].mask(rows["split"] == "test", REPORTS))


def broken_files(rows):
    rows.loc[:5, BROKEN] = None
    rows.loc[:5, "decode_error"] = "broken: cut off"
    return rows


def without_a_column(rows):
    return rows.drop(columns="cluster")


@pytest.mark.parametrize(
    ("spoil", "rule", "found"),
    [
        (missing_class, "Both classes are present", "Only 1 of the 2 classes is present"),
        (
            too_few_in_test,
            "test holds at least 5 images of class ai",
            "test holds only 4 images of class ai, not 5",
        ),
        (
            lopsided,
            "Class ai is 33% to 67% of the images",
            "Class ai is 32.3% of the images, not 33% to 67%",
        ),
        (
            one_cluster_in_two_splits,
            "No group of near-duplicates spans two splits",
            "A group of near-duplicates spans 2 splits",
        ),
        (
            reports_in_test,
            "No image that users reported is in val or test",
            "Images that users reported, in val or test: 12",
        ),
        (
            broken_files,
            "At most 5% of the images cannot be decoded",
            "7.1% of the images cannot be decoded, more than 5%",
        ),
        (
            without_a_column,
            "The columns are those of a manifest",
            f"The columns are not those of a manifest but {[name for name in SCHEMA.names if name != 'cluster']}",
        ),
        (lambda rows: rows.iloc[:0], "The source holds at least one image", "The source holds no image"),
    ],
)
def test_a_dataset_that_breaks_a_rule_is_refused_with_what_was_found(lake, stage, spoil, rule, found):
    stage(spoil(good_rows()))
    with pytest.raises(ValidationFailed, match=r"may not be trained on\. Found: ") as failed:
        validate(lake, VERSION)
    assert found in str(failed.value)
    assert found in report(lake)["failed"]
    assert report(lake)["success"] is False
    assert found in [result["found"] for result in report(lake)["results"] if result["rule"] == rule]
    assert not (lake.version_path(VERSION) / "manifest.parquet").exists()
    with pytest.raises(DatasetError, match="has not passed validation"):
        publish(lake, VERSION)


def test_a_dataset_of_which_every_row_is_refused_fails(lake, stage):
    stage(good_rows().assign(width=3))
    with pytest.raises(ValidationFailed, match="Only 0 of the 2 classes is present"):
        validate(lake, VERSION)
    assert (report(lake)["accepted"], report(lake)["refused"]) == (0, 84)


def test_the_policy_sets_the_limits(lake, stage):
    stage(good_rows())
    with pytest.raises(ValidationFailed, match="test holds only 6 images of class real, not 7"):
        validate(lake, VERSION, policy=Policy(min_images={"test": 7}))


def test_a_crash_leaves_no_success_behind(lake, stage, monkeypatch):
    stage(good_rows())
    validate(lake, VERSION)
    monkeypatch.setattr(runner, "_context", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        validate(lake, VERSION)
    with pytest.raises(DatasetError, match="has not passed validation"):
        publish(lake, VERSION)


def test_a_rule_that_cannot_be_asked_counts_as_broken(lake, stage):
    stage(good_rows().assign(width="wide"))
    with pytest.raises(ValidationFailed, match="'width is 16 to 20,000 pixels' could not be examined: "):
        validate(lake, VERSION)


def test_a_bad_delivery_does_not_spoil_the_versions_after_it(lake):
    now, today = datetime(2026, 1, 5, tzinfo=UTC), date(2026, 1, 5)
    bright_is_ai = Policy(max_auc=1.0)
    collect(lake, many(400, format_="BMP"), now=now)
    version = assemble(lake, today=today)
    validate(lake, version, policy=bright_is_ai)
    publish(lake, version)
    collect(lake, (labelled(number, "ai") for number in range(1_000, 2_000)), now=now)
    lopsided = assemble(lake, today=today)
    with pytest.raises(ValidationFailed, match="Class ai is"):
        validate(lake, lopsided)
    assert assemble(lake, today=today) == version
    collect(lake, many(100, start=2_000, format_="BMP"), now=now)
    better = assemble(lake, today=today)
    assert validate(lake, better, policy=bright_is_ai).accepted == 500


def test_a_bad_source_that_was_excluded_once_spoils_one_more_version_and_then_none(lake):
    now, today = datetime(2026, 1, 5, tzinfo=UTC), date(2026, 1, 5)
    good = list(many(400, format_="BMP"))
    bad = [replace(labelled(number, "ai"), source="lopsided") for number in range(1_000, 2_000)]
    for images in (good, bad):
        collect(lake, images, now=now)
    without = assemble(lake, today=today, exclude=["source:lopsided"])
    validate(lake, without, policy=Policy(max_auc=1.0))
    publish(lake, without)
    with pytest.raises(ValidationFailed, match="Class ai is"):
        validate(lake, assemble(lake, today=today))
    assert assemble(lake, today=today) == without


def test_a_published_version_keeps_its_outcome(lake):
    rows = good_rows()
    rows.loc[3, "width"] = 5
    write_rows(lake, VERSION, rows, name="candidates")
    first = validate(lake, VERSION)
    publish(lake, VERSION)
    before = (lake.version_path(VERSION) / "validation.json").read_text()
    assert validate(lake, VERSION, policy=Policy(min_images={"train": 10_000})) == first
    assert (lake.version_path(VERSION) / "validation.json").read_text() == before


def test_a_warning_refuses_nothing_and_is_seen_everywhere(lake, stage, caplog):
    rows = good_rows()
    rows.loc[3, "origin"] = "train/real/3.png"
    stage(rows)
    rule, found = "Every file has the extension of its format", "Files with the extension of another format: 1"
    assert validate(lake, VERSION) == Validation(version=VERSION, success=True, accepted=84, warnings=(found,))
    assert report(lake)["warnings"] == [found]
    docs = (lake.version_path(VERSION) / "docs" / "index.html").read_text()
    assert f"Warnings: {found}." in docs
    assert rows_of(docs)[rule] == ("! warning", "warning", found)
    assert [record.levelname for record in caplog.records if found in record.message] == ["WARNING"]


def test_what_a_source_warns_of_is_a_warning_of_the_version(lake, stage, caplog):
    remark = {"source": "shop", "text": "A split is not understood.", "count": 1200, "examples": ["a.jpg"]}
    stage(good_rows())
    remarks = [{**remark, "warns": True}, {**remark, "text": "A file was left out.", "warns": False}]
    (lake.version_path(VERSION) / "summary.json").write_text(json.dumps({"remarks": remarks}))
    found = "shop: A split is not understood. Such: 1,200, first 'a.jpg'"
    assert validate(lake, VERSION) == Validation(version=VERSION, success=True, accepted=84, warnings=(found,))
    assert f"Warnings: {found}." in caplog.text


def test_what_each_rule_says_when_it_is_broken_is_not_the_rule():
    policy = Policy()
    rules = [
        *(
            *column_rules(),
            *decoding_rules(policy),
            *image_rules(policy),
            *dataset_rules(policy),
            *shortcut_rules(policy),
            *group_shortcut_rules(policy),
            *mix_rules(policy),
        ),
        *prediction_rules(policy),
    ]
    assert all("{observed" in rule.meta["found"] or rule.meta["found"] == "The source holds no image" for rule in rules)
    assert {rule.description for rule in rules}.isdisjoint(rule.meta["found"] for rule in rules)


def test_a_rule_that_finds_nothing_to_examine_says_so(lake, stage):
    stage(good_rows().query("split != 'train'"))
    with pytest.raises(ValidationFailed):
        validate(lake, VERSION)
    assert "'Class ai is 33% to 67% of the images in train' has no values to examine" in report(lake)["failed"]


def test_a_warning_that_cannot_be_asked_refuses_the_version(lake, stage, monkeypatch):
    monkeypatch.setattr(dataset, "shortcut_table", lambda _: pd.DataFrame({"bytes": [0.5]}))
    stage(good_rows())
    with pytest.raises(ValidationFailed):
        validate(lake, VERSION)
    beginning = "'width alone tells AI from real with an AUC of at most 0.75' could not be examined: "
    assert [found for found in report(lake)["failed"] if found.startswith(beginning)]


def test_the_page_lists_every_rule_and_opens_without_any_other_host(lake, stage):
    rows = good_rows()
    rows.loc[3, "label"] = "<script>alert(1)</script>"
    stage(rows)
    validate(lake, VERSION)
    (page,) = (lake.version_path(VERSION) / "docs").iterdir()
    docs = page.read_text()
    assert page.name == "index.html"
    assert "http" not in docs
    assert "<script" not in docs
    assert "may be trained on: 83 images accepted, 1 refused." in docs
    assert list(rows_of(docs)) == [result["rule"] for result in report(lake)["results"]]
    assert rows_of(docs)["label is one of real, ai"][0] == "! rows refused"
    assert re.findall(r"<h2 id=.*?>(.*)</h2>", docs) == ["columns", "images", "dataset", "shortcuts", "groups"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in docs
    assert 'href="version.html"' in docs


def test_a_lake_on_another_file_system_is_validated_as_well():
    lake = Lake("memory://validation-test")
    write_rows(lake, VERSION, good_rows(), name="candidates")
    assert validate(lake, VERSION).success
    assert (lake.version_path(VERSION) / "docs" / "index.html").exists()
