"""A version can be exported, read by other tools, and ingested again to the same version."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import fsspec
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from model.dataset.__main__ import main
from model.dataset.export import shards
from model.dataset.export.exporting import FORMATS, export
from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.kept_out import REPORTED
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, read_manifest, write_rows
from model.dataset.tombstones import withdraw
from model.errors import DatasetError
from model.sources.declaration import Source
from model.sources.labelled_image import LabelledImage
from model.sources.reports import SOURCE as REPORTS
from support.data_cards import IGNORE_ITS_WARNINGS, open_card, read_card
from support.small_images import NOW, collect, labelled, many, scene

pytestmark = IGNORE_ITS_WARNINGS

TODAY, LATER = date(2026, 11, 2), NOW + timedelta(days=14)
KEPT = ["sha256", "label", "source", "generator", "split", "collection", "origin", "licence", "revision"]
Publish = Callable[[Iterable[LabelledImage]], str]


def mixed() -> Iterator[LabelledImage]:
    """Images of several sources: with and without splits, licences, revisions and generators, and near-duplicates."""
    yield from (replace(image, licence="MIT", revision="c0ffee") for image in many(60))
    yield from (replace(labelled(n, "ai", split="test"), source="art", generator="unknown") for n in range(70, 90))
    yield from (
        replace(image, source="views", collection=f"trip {n % 2}")
        for n in range(6)
        for image in (scene(n), scene(n, quality=60))
    )
    yield from (replace(labelled(n, "real"), source=REPORTS) for n in range(100, 106))
    yield replace(labelled(110, "real", format_="BMP"), source="élan", origin="fake/ai/0.bmp")


def ingest_again(folder: Path | str, lake: Lake) -> str:
    """Ingest an export into a lake, and return the id of the version that the lake makes of it."""
    for part in plan(lake, [Source(location=str(folder))], parts=2):
        collect_part(lake, part, now=LATER)
    return assemble(lake, today=TODAY)


def told(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[KEPT].sort_values("sha256", ignore_index=True)


@pytest.mark.parametrize("format_", FORMATS)
def test_an_export_is_ingested_again_to_the_same_version(
    lake: Lake, tmp_path: Path, publish_images: Publish, format_: str
) -> None:
    version = publish_images(mixed())
    done = export(lake, version, str(tmp_path / "out"), format_=format_)
    rows = read_manifest(lake, version)
    assert (done.images, done.withdrawn, done.again) == (len(rows), 0, version)
    assert set(rows["split"]) == {"train", "val", "test"}
    other = Lake(str(tmp_path / "other"))
    assert ingest_again(tmp_path / "out", other) == version
    pd.testing.assert_frame_equal(told(read_candidates(other, version)), told(rows))


def test_exporting_twice_writes_the_same_bytes_but_never_into_a_folder_that_holds_something(
    lake: Lake, tmp_path: Path, publish_images: Publish
) -> None:
    version = publish_images(mixed())
    for format_ in FORMATS:
        one, two = tmp_path / f"{format_}-1", tmp_path / f"{format_}-2"
        for folder in (one, two):
            export(lake, version, str(folder), format_=format_)
        names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert len(names) == 4  # a file a split, and the card
        assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
        with pytest.raises(DatasetError, match="is not empty: name a new folder"):
            export(lake, version, str(one), format_=format_)


def test_a_file_has_at_most_so_many_bytes_and_images(
    lake: Lake, tmp_path: Path, publish_images: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publish_images(mixed())
    monkeypatch.setattr(shards, "_SHARD_BYTES", 30_000)
    monkeypatch.setattr(shards, "_SHARD_IMAGES", 20)
    done = export(lake, version, str(tmp_path / "out"), format_="parquet")
    files = sorted((tmp_path / "out" / "data").glob("train-*.parquet"))
    assert done.files > len(files) > 2
    assert [path.name for path in files] == [f"train-{n:05}-of-{len(files):05}.parquet" for n in range(len(files))]
    assert all(pq.read_metadata(path).num_rows <= 20 for path in files)
    assert ingest_again(tmp_path / "out", Lake(str(tmp_path / "other"))) == version


def test_hugging_face_finds_images_and_class_labels(lake: Lake, tmp_path: Path, publish_images: Publish) -> None:
    version = publish_images(mixed())
    export(lake, version, str(tmp_path / "out"), format_="parquet")
    for path in (tmp_path / "out" / "data").iterdir():
        table = pq.read_table(path)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert features.keys() == set(table.column_names)
        assert all(field.nullable for field in table.schema)  # else `datasets` would pass over the features
        assert features["image"] == {"_type": "Image"}
        assert features["label"] == {"_type": "ClassLabel", "names": ["real", "ai"]}
        assert features["ingested_at"] == {"_type": "Value", "dtype": "timestamp[ms, tz=UTC]"}
        for row in table.to_pylist():
            assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["sha256"]
            assert row["image"]["path"].startswith(row["sha256"])
            assert (row["label"] == 0) == (row["generator"] is None)


def test_a_webdataset_has_two_files_an_image(lake: Lake, tmp_path: Path, publish_images: Publish) -> None:
    version = publish_images(mixed())
    export(lake, version, str(tmp_path / "out"), format_="webdataset")
    rows = read_manifest(lake, version).set_index("sha256")
    found = []
    for path in (tmp_path / "out" / "data").iterdir():
        with tarfile.open(path) as archive:
            files = {member.name: archive.extractfile(member).read() for member in archive}
        names = list(files)
        for name, beside in zip(names[::2], names[1::2], strict=True):
            key, _, ending = name.partition(".")
            assert beside == f"{key}.json"
            facts, row = json.loads(files[beside]), rows.loc[key]
            assert hashlib.sha256(files[name]).hexdigest() == key == facts["sha256"]
            assert Image.open(io.BytesIO(files[name])).format == {"jpg": "JPEG", "png": "PNG", "bmp": "BMP"}[ending]
            assert facts["truegrain"] == version
            for column in set(KEPT) - {"sha256"}:
                assert facts[column] == row[column] or (facts[column] is None and pd.isna(row[column]))
            found.append(key)
    assert sorted(found) == sorted(rows.index)


@pytest.mark.parametrize("format_", FORMATS)
def test_an_export_has_a_data_card_with_which_its_images_are_read(
    lake: Lake, tmp_path: Path, publish_images: Publish, format_: str
) -> None:
    version = publish_images(mixed())
    export(lake, version, str(tmp_path / "out"), format_=format_)
    card = read_card(tmp_path / "out")
    assert card["identifier"] == version
    assert "MIT" in card["license"]
    records = list(open_card(tmp_path / "out").records("images"))
    rows = read_manifest(lake, version)
    assert sorted(record["images/sha256"].decode() for record in records) == sorted(rows["sha256"])
    if format_ == "parquet":
        assert {record["images/image"].size for record in records} == {(32, 32), (64, 64)}
    else:
        splits = {json.loads(record["images/facts"])["split"] for record in records}
        assert splits == {"train", "val", "test"}


@pytest.mark.parametrize("format_", FORMATS)
def test_withdrawn_images_and_their_pixel_twins_are_never_exported(
    lake: Lake, lock: Path, tmp_path: Path, publish_images: Publish, format_: str
) -> None:
    version = publish_images(mixed())
    twin = hashlib.sha256(labelled(1, "real", format_="BMP").data).hexdigest()
    collect(lake, [labelled(1, "real", format_="BMP")], now=LATER)
    withdraw(lake, [twin], lock=lock, reason="its author asked", now=LATER)
    reported = hashlib.sha256(labelled(100, "real").data).hexdigest()
    withdraw(lake, [reported], lock=lock, reason="a mistake", now=LATER, scope=REPORTED)
    done = export(lake, version, str(tmp_path / "out"), format_=format_)
    assert done.withdrawn == 2
    assert done.again != version
    content = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert labelled(1, "real").data not in content
    assert labelled(3, "real").data in content
    assert hashlib.sha256(labelled(1, "real").data).hexdigest().encode() not in content
    assert reported.encode() not in content
    if format_ == "parquet":
        assert ingest_again(tmp_path / "out", Lake(str(tmp_path / "other"))) == done.again


def test_images_that_validation_refused_are_not_exported(lake: Lake, tmp_path: Path, publish_images: Publish) -> None:
    version = publish_images(many(40))
    write_rows(lake, version, read_candidates(lake, version).iloc[1:], name="manifest")
    done = export(lake, version, str(tmp_path / "out"), format_="parquet")
    assert (done.images, done.withdrawn) == (39, 0)
    assert ingest_again(tmp_path / "out", Lake(str(tmp_path / "other"))) == done.again != version


def test_nothing_is_exported_of_an_unknown_version_or_to_an_unknown_place(
    lake: Lake, lock: Path, tmp_path: Path, publish_images: Publish
) -> None:
    with pytest.raises(DatasetError, match="'20260101-000000000000' is not published"):
        export(lake, "20260101-000000000000", str(tmp_path / "out"), format_="parquet")
    version = publish_images(many(20))
    with pytest.raises(DatasetError, match="nothing can be written to 'nowhere://x'"):
        export(lake, version, "nowhere://x", format_="parquet")
    withdraw(lake, read_manifest(lake, version)["sha256"], lock=lock, reason="all of them", now=LATER)
    with pytest.raises(DatasetError, match=r"all 20 images of the dataset version .* were withdrawn"):
        export(lake, version, str(tmp_path / "out"), format_="parquet")
    assert not (tmp_path / "out").exists()


def test_a_version_is_exported_to_a_url(lake: Lake, tmp_path: Path, publish_images: Publish) -> None:
    version = publish_images(many(40))
    export(lake, version, "memory://exported/set", format_="parquet")
    files = fsspec.filesystem("memory")
    try:
        assert ingest_again("memory://exported/set", Lake(str(tmp_path / "other"))) == version
    finally:
        files.rm("/exported", recursive=True)


def test_the_command_says_what_it_wrote(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    publish_images: Publish,
    lake: Lake,
) -> None:
    version = publish_images(many(40))
    monkeypatch.setenv("TRUEGRAIN_LAKE", str(lake.root))
    assert main(["export", version, "--to", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"40 images of the version {version} in 3 files: {tmp_path / 'out'}\n"
    assert main(["export", version, "--to", str(tmp_path / "out")]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert main(["export", version, "--format", "webdataset", "--to", str(tmp_path / "wds"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "version": version, "images": 40, "files": 3, "withdrawn": 0, "again": version,
    }  # fmt: skip
