"""The content of earlier dataset versions."""

from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from model.dataset.earlier_versions import images_ever_tested, mix_changes
from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.sources.labelled_image import LabelledImage
from support.small_images import labelled, many


def test_the_test_images_of_every_published_version_are_remembered(
    lake: Lake, publish_images: Callable[[Iterator[LabelledImage]], str]
) -> None:
    publish_images(many(40))
    publish_images(labelled(number, "ai", split="test") for number in range(100, 105))
    rows = pd.concat(read_manifest(lake, version) for version in lake.versions())
    tests = rows[rows["split"] == "test"]
    assert len(tests) > 5
    assert images_ever_tested(lake) == {*tests["pixel_hash"], *tests["cluster"]}


def test_a_lake_without_versions_has_tested_nothing(lake: Lake) -> None:
    assert images_ever_tested(lake) == frozenset()


def mix(*generators: str | None) -> pd.DataFrame:
    return pd.DataFrame({"generator": generators}).assign(label="ai", split="train", source="s", format="PNG")


@pytest.mark.parametrize(
    ("now", "before", "changed"),
    [
        (mix("a", "b", None, None), mix("a", "b", None, None), 0.0),
        (mix("a", "a", None, None), mix(None, "a"), 0.0),
        (mix("a", "b"), mix("a", "a"), 0.5),
        (mix("a", "b", None, "a"), mix("a", "a", "a", "a"), 0.5),
        (mix("b"), mix("a"), 1.0),
    ],
)
def test_the_share_of_the_mix_that_changed_is_measured(now: pd.DataFrame, before: pd.DataFrame, changed: float) -> None:
    assert mix_changes(now, before) == {"generator": changed, "label": 0, "split": 0, "source": 0, "format": 0}
