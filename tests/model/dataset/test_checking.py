"""A source is described before it is ingested: all files are listed, a sample is read, and nothing is written."""

import io
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from model.dataset.checking import INGESTED, REFUSED, UNREADABLE, Checked, check
from model.dataset.contained import child
from model.dataset.contained.budget import Budget
from model.dataset.preview import Preview
from model.sources.entries import Facts


def save(path: Path, seed: int, *, side: int = 32, format_: str = "PNG", **options: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, format_, **options)


def save_both(root: Path, each: int, *, ai_format: str = "PNG") -> Path:
    for number in range(each):
        save(root / "real" / f"{number}.png", number)
        save(root / "ai" / f"{number}.{ai_format.lower()}", each + number, format_=ai_format)
    return root


def only(location: Path | str, *, sample: int = 500) -> Checked:
    (checked,) = check(str(location), sample=sample)
    return checked


def previewed(location: Path | str, *, sample: int = 500) -> Preview:
    found = only(location, sample=sample).preview
    assert found is not None
    return found


def test_all_files_are_counted_and_a_sample_is_read(tmp_path: Path) -> None:
    save_both(tmp_path, 60)
    (tmp_path / "real" / "notes.txt").write_text("no image")
    found = previewed(tmp_path, sample=30)
    assert found.images == Counter({Facts("real"): 60, Facts("ai", generator="unknown"): 60})
    assert 15 <= found.read <= 45
    assert (found.entries, dict(found.endings)) == (120, {".png": 120})
    assert (found.count_by("label"), found.count_by("split")) == ({"real": 60, "ai": 60}, {"not stated": 120})
    assert [(remark.count, remark.examples) for remark in found.remarks] == [(1, ("real/notes.txt",))]
    assert found.formats() == {"PNG": found.read}
    assert found.sizes()["width"] == (32, 32, 32)
    assert found.warnings() == []


def test_the_same_images_are_read_each_time(tmp_path: Path) -> None:
    save_both(tmp_path, 40)
    first, second = (previewed(tmp_path, sample=20) for _ in range(2))
    assert first.rows["sha256"].tolist() == second.rows["sha256"].tolist()
    assert [row["origin"] for row in first.examples] == [row["origin"] for row in second.examples]


def test_ten_examples_are_shared_between_the_classes_and_their_generators(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / "ai" / f"{number}.png", number)
        save(tmp_path / "real" / f"{number}.png", 50 + number)
    labels = Counter(row["label"] for row in previewed(tmp_path).examples)
    assert labels == {"real": 5, "ai": 5}
    by_generator = Counter(row["generator"] for row in previewed("synthetic?images=40").examples)
    assert by_generator[None] == 5
    assert len(by_generator) == 5


def test_a_class_with_few_images_leaves_its_places_to_the_other(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / "real" / f"{number}.png", number)
    save(tmp_path / "ai" / "only.png", 99)
    assert Counter(row["label"] for row in previewed(tmp_path).examples) == {"real": 9, "ai": 1}


def test_the_kind_is_named_with_the_file_that_decided(tmp_path: Path) -> None:
    save(tmp_path / "folders" / "real" / "a.png", 0)
    save(tmp_path / "table" / "images" / "a.png", 0)
    (tmp_path / "table" / "all.csv").write_text("name,label\nimages/a.png,real\n")
    save(tmp_path / "words" / "a.png", 0)
    (tmp_path / "words" / "a.cls").write_text("real")
    assert [(found.kind, found.because) for found in map(previewed, sorted(tmp_path.iterdir()))] == [
        ("folders", "'real/a.png' lies below a folder that names its class"),
        ("csv", "there are images outside folders of classes, and the table 'all.csv'"),
        ("webdataset", "images stand beside files of the same name that describe them"),
    ]
    assert previewed(f"real:{tmp_path / 'table'}").because == "the location names the kind"
    assert previewed(tmp_path / "table" / "all.csv").because == "the location is a table"


def test_the_rows_of_a_shard_are_counted_by_their_columns_and_sampled(tmp_path: Path) -> None:
    images = []
    for number in range(200):
        save(tmp_path / "one.png", number, side=16)
        images.append({"bytes": (tmp_path / "one.png").read_bytes(), "path": f"{number}.png"})
    labels = ["real"] * 100 + ["ai"] * 100
    shard = tmp_path / "train-00000.parquet"
    table = pa.table({"image": images, "label": labels, "generator": [None] * 100 + ["flux"] * 100})
    pq.write_table(table, shard, row_group_size=50)
    found = previewed(shard, sample=40)
    assert found.images == Counter({Facts("real", "train"): 100, Facts("ai", "train", "flux"): 100})
    assert 20 <= found.read <= 60
    assert set(found.rows["label"]) == {"real", "ai"}
    assert found.kind == "parquet"


def test_a_contradiction_in_a_row_that_is_not_sampled_is_found(tmp_path: Path) -> None:
    images = [{"bytes": b"no image", "path": f"{number}.png"} for number in range(100)]
    labels = pa.array(["real"] * 100)
    is_real = pa.array([True] * 99 + [False])
    pq.write_table(pa.table({"image": images, "label": labels, "is_real": is_real}), tmp_path / "a.parquet")
    checked = only(tmp_path, sample=1)
    assert checked.status == REFUSED
    assert "contradicts itself" in str(checked.error)


def test_what_tells_the_label_is_a_shortcut_with_its_remedy(tmp_path: Path) -> None:
    found = previewed(save_both(tmp_path, 60, ai_format="JPEG"))
    assert found.shortcuts()["format"].low > 0.9
    (warning,) = found.warnings()
    assert "Validation refuses a version of these images alone: the label can be told from" in warning
    assert "neutralise = true" in warning


def test_files_that_are_no_images_are_counted_with_their_reason(tmp_path: Path) -> None:
    save_both(tmp_path, 3)
    (tmp_path / "ai" / "broken.png").write_bytes(b"no image")
    found = previewed(tmp_path)
    assert list(found.undecodable().values()) == [1]
    assert "Files of the sample that are no images: 1 of 7." in found.warnings()


def test_one_class_alone_small_images_and_two_labels_are_warned_of(tmp_path: Path) -> None:
    save(tmp_path / "alone" / "real" / "a.png", 0, side=8)
    assert previewed(tmp_path / "alone").warnings() == [
        "There is no image of the class 'ai'. Add another source that has some.",
        "Images of the sample with a side below 16 pixels: 1. Validation refuses them.",
    ]
    for label in ("real", "ai"):
        save(tmp_path / "both" / label / "a.png", 0)
    assert previewed(tmp_path / "both").warnings() == [
        "Pictures of the sample that are labelled both real and AI: 1. Correct the labels."
    ]


def test_a_declaration_gives_names_generators_and_one_verdict_for_each_source(tmp_path: Path) -> None:
    save_both(tmp_path / "shop", 2)
    save(tmp_path / "odd" / "cats" / "a.png", 0)
    (tmp_path / "sources.toml").write_text(
        '[sources.shop]\nlocation = "shop"\nlicence = "ours"\ngenerator = "flux"\n'
        '[sources.odd]\nlocation = "odd"\nlicence = "ours"\n'
        '[sources.gone]\nlocation = "gone"\nlicence = "ours"\n'
    )
    shop, odd, gone = check(str(tmp_path / "sources.toml"))
    assert [(each.name, each.status) for each in (shop, odd, gone)] == [
        ("shop", INGESTED),
        ("odd", REFUSED),
        ("gone", UNREADABLE),
    ]
    assert shop.preview is not None
    assert shop.preview.count_by("generator") == {"flux": 2}
    assert {row["licence"] for row in shop.preview.examples} == {"ours"}
    assert "names no" in str(odd.error) or "no label" in str(odd.error)
    assert "does not exist" in str(gone.error)


def test_a_damaged_archive_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    assert only(tmp_path / "a.zip").status == UNREADABLE


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    assert only(tmp_path).status == REFUSED


def test_a_file_over_a_limit_is_named_and_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_both(tmp_path, 3)
    (tmp_path / "real" / "spin.png").write_bytes(b"spin for ever")
    monkeypatch.setattr(child, "_MODULE", "spinning_child")
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent / 'contained'}:{':'.join(sys.path)}")
    (checked,) = check(str(tmp_path), budget=Budget(seconds=1))
    assert checked.preview is not None
    assert checked.preview.unread == (
        ("real/spin.png", "it takes more than 1 s of computing (TRUEGRAIN_INGEST_SECONDS)"),
    )
    assert len(checked.preview.rows) == 6


def test_pictures_of_the_examples_are_those_of_the_source(tmp_path: Path) -> None:
    save_both(tmp_path, 1)
    for row in previewed(tmp_path).examples:
        assert Image.open(io.BytesIO(row["image"])).size == (32, 32)


def test_a_child_within_a_budget_finds_the_same(tmp_path: Path) -> None:
    save_both(tmp_path, 20)
    (tmp_path / "notes.txt").write_text("no image")
    (here,) = check(str(tmp_path), sample=10)
    (there,) = check(str(tmp_path), sample=10, budget=Budget())
    assert here.to_json() == there.to_json()
    (refused,) = check(str(tmp_path / "nowhere"), budget=Budget())
    assert refused.status == UNREADABLE
