from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import pytest

from model.sources.generators import above_the_split, outermost
from model.sources.kinds import open_source


@pytest.mark.parametrize(
    ("folders", "generator"),
    [
        ("Midjourney/train/ai", "Midjourney"),
        ("genimage/stable_diffusion_v_1_5/val/ai", "stable_diffusion_v_1_5"),
        ("train/ai", None),
        ("Midjourney/ai", None),
        ("DATASET/train/FAKE", None),
    ],
)
def test_genimage_keeps_the_generator_above_the_split(folders: str, generator: str | None) -> None:
    assert above_the_split(PurePosixPath(folders)) == generator


@pytest.mark.parametrize(
    ("folders", "generator"),
    [
        ("biggan/1_fake", "biggan"),
        ("progan/airplane/1_fake", "progan"),
        ("test/stylegan2/car/1_fake", "stylegan2"),
        ("1_fake", None),
        ("biggan/fake", None),
    ],
)
def test_cnndetection_keeps_the_generator_outermost(folders: str, generator: str | None) -> None:
    assert outermost(PurePosixPath(folders)) == generator


def test_the_generators_of_genimage_come_with_the_ai_images(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["ADM/train/ai/a.png", "ADM/train/nature/b.jpg", "glide/val/ai/c.png", "glide/val/nature/d.jpg"])
    assert [(image.label, image.split, image.generator) for image in open_source(str(root))] == [
        ("ai", "train", "ADM"), ("real", "train", None), ("ai", "val", "glide"), ("real", "val", None),
    ]  # fmt: skip


def test_the_generators_of_cnndetection_come_with_the_ai_images(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["biggan/0_real/a.png", "biggan/1_fake/b.png", "progan/cat/0_real/c.png", "progan/cat/1_fake/d.png"])
    assert [(image.label, image.generator) for image in open_source(str(root))] == [
        ("real", None), ("ai", "biggan"), ("real", None), ("ai", "progan"),
    ]  # fmt: skip


def test_a_named_kind_is_not_overruled_by_what_the_folders_look_like(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["wrapper/train/ai/a.png"])
    assert [next(open_source(f"{kind}{root}")).generator for kind in ("", "genimage:", "folders:")] == [
        "wrapper", "wrapper", "unknown",
    ]  # fmt: skip
