"""Each file of the catalog is understood, and reads a local imitation of its data set as its comments say."""

import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.dataset.checking import INGESTED, check
from model.sources.declaration import declared_sources
from model.sources.kinds import split_kind
from support.small_images import labelled

CATALOG = Path(__file__).parents[3] / "infra" / "sources"


def picture(number: int) -> bytes:
    return labelled(number, "real").data


def folder(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(picture(number))
    return root


def zipped(root: Path, *paths: str) -> Path:
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        for number, path in enumerate(paths):
            archive.writestr(path, picture(number))
    return root.with_suffix(".zip")


def shard(path: Path, **columns: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(next(iter(columns.values())))
    images = [{"bytes": picture(number), "path": f"{number}.png"} for number in range(count)]
    pq.write_table(pa.table({"image": images, **columns}), path)


def cifake(root: Path) -> Path:
    info = {"info": {"features": {"label": {"names": ["FAKE", "REAL"], "_type": "ClassLabel"}}}}
    for split in ("train", "test"):
        path = root / "data" / f"{split}-00000-of-00001.parquet"
        shard(path, label=[0, 1])
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), path)
    return root


def genimage(root: Path) -> Path:
    generators = ("Midjourney", "Stable Diffusion V1.4")
    return folder(root, *(f"{g}/{s}/{c}/1.png" for g in generators for s in ("train", "val") for c in ("ai", "nature")))


def openfake(root: Path) -> Path:
    for split in ("train", "test"):
        columns = {"prompt": ["a", "b"], "label": ["real", "fake"], "model": [None, "flux.1-dev"]}
        shard(root / "data" / f"{split}-00000-of-00001.parquet", **columns)
    return root


def synthbuster(root: Path) -> Path:
    return zipped(root, "synthbuster/dalle3/r1.png", "synthbuster/midjourney-v5/r1.png", "synthbuster/prompts.csv")


def coco(root: Path) -> Path:
    return zipped(root, "val2017/000000000139.jpg", "val2017/000000000285.jpg")


def open_images(root: Path) -> Path:
    return folder(root, "validation/0001eeaf4aed83f9.jpg")


IMITATIONS: dict[str, Callable[[Path], Path]] = {
    "cifake": cifake,
    "genimage": genimage,
    "openfake": openfake,
    "synthbuster": synthbuster,
    "coco": coco,
    "open_images": open_images,
}
HELD: dict[str, dict[tuple[str, str | None, str | None], int]] = {
    "cifake": {
        ("real", "train", None): 1,
        ("ai", "train", "stable-diffusion-1.4"): 1,
        ("real", "test", None): 1,
        ("ai", "test", "stable-diffusion-1.4"): 1,
    },
    "genimage": {
        ("real", "train", None): 2,
        ("real", "val", None): 2,
        ("ai", "train", "Midjourney"): 1,
        ("ai", "val", "Midjourney"): 1,
        ("ai", "train", "Stable Diffusion V1.4"): 1,
        ("ai", "val", "Stable Diffusion V1.4"): 1,
    },
    "synthbuster": {("ai", None, "dalle3"): 1, ("ai", None, "midjourney-v5"): 1},
    "coco": {("real", None, None): 2},
    "open_images": {("real", None, None): 1},
}


@pytest.mark.parametrize("path", sorted(CATALOG.glob("*.toml")), ids=lambda path: path.stem)
def test_each_file_says_what_it_takes_to_use_it(path: Path) -> None:
    sources = declared_sources(str(path))
    assert sources
    assert all(source.licence and source.licence.strip() for source in sources)
    if path.stem != "example":
        text = path.read_text()
        assert all(f"# {topic}" in text for topic in ("Size:", "Layout:", "Licence:", "Known to be wrong with it"))


@pytest.mark.parametrize("name", sorted(IMITATIONS))
def test_an_imitation_of_the_data_set_is_read_as_the_file_says(tmp_path: Path, name: str) -> None:
    text = (CATALOG / f"{name}.toml").read_text()
    for source in declared_sources(str(CATALOG / f"{name}.toml")):
        assert source.name in IMITATIONS
        address = split_kind(source.location)[1].removeprefix(f"{CATALOG.resolve()}/")
        assert f'location = "{address}"' in text
        local = IMITATIONS[source.name](tmp_path / source.name)
        text = text.replace(f'location = "{address}"', f'location = "{local}"')
    file = tmp_path / "catalog.toml"
    file.write_text(text)
    for checked in check(str(file)):
        assert checked.status == INGESTED, checked.error
        assert checked.preview is not None
        held = Counter[tuple[str, str | None, str | None]]()
        for each, images in checked.preview.images.items():
            held[each.label, each.split, each.generator] += images
        assert checked.name not in HELD or held == HELD[checked.name]
        assert len(checked.preview.rows) == held.total()
