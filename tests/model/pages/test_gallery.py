import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.detectors.detector import Detector
from model.errors import TruegrainError
from model.evaluation.evaluate import evaluate_detector
from model.pages import gallery
from model.pages.gallery import Gallery, draw_gallery

Write = Callable[..., Path]
BIASED = 10 * (0.5 - 69 / 255)
"""Half of the real images are called AI."""


@pytest.fixture
def manifest(lake: Lake, brightness_dataset: Callable[[Lake], str]) -> pd.DataFrame:
    return read_manifest(lake, brightness_dataset(lake))


def draw(lake: Lake, manifest: pd.DataFrame, folder: Path) -> Gallery:
    detector = Detector.load(folder)
    return draw_gallery(detector, lake, manifest, evaluate_detector(detector, lake, manifest, dataset_version="v1"))


def colours(address: str) -> np.ndarray:
    data = base64.b64decode(address.removeprefix("data:image/webp;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def test_the_worst_mistakes_come_first_and_no_more_than_a_page_shows(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    drawn = draw(lake, manifest, tiny_artifact(BIASED)).mistakes
    assert [mistake.origin for mistake in drawn] == [str(level) for level in range(98, 82, -2)]
    assert {(mistake.label, mistake.generator) for mistake in drawn} == {("real", None)}
    assert all(mistake.probability > 0.5 for mistake in drawn)


def test_a_missed_image_names_its_generator(lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write) -> None:
    drawn = draw(lake, manifest, tiny_artifact(-2.5)).mistakes
    assert [mistake.origin for mistake in drawn][:2] == ["160", "162"]
    assert {(mistake.label, mistake.generator) for mistake in drawn} == {("ai", "glow")}


def test_the_map_lies_on_the_picture_in_the_colour_of_ai(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    mistake = draw(lake, manifest, tiny_artifact(BIASED)).mistakes[0]
    plain, mapped = colours(mistake.picture).mean((0, 1)), colours(mistake.overlay).mean((0, 1))
    assert plain == pytest.approx([98] * 3, abs=3)
    assert mapped[0] > plain[0] > mapped[2]


def test_where_a_map_speaks_for_real_it_is_in_the_colour_of_real() -> None:
    grey = Image.new("RGB", (8, 8), (128, 128, 128))
    mapped = np.asarray(gallery._overlay(grey, np.array([[-1.0, -1.0], [0.0, 0.0]], dtype=np.float32)), dtype=float)
    assert mapped[0, 0, 2] > 128 > mapped[0, 0, 0]
    assert mapped[-1, 0] == pytest.approx([128] * 3, abs=8)
    silent = gallery._overlay(grey, np.zeros((2, 2), dtype=np.float32))
    assert silent.tobytes() == grey.tobytes()


def test_a_detector_without_mistakes_has_an_empty_gallery(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    assert draw(lake, manifest, tiny_artifact()) == Gallery()


def test_a_gallery_survives_json_and_something_else_is_refused(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    drawn = draw(lake, manifest, tiny_artifact(BIASED))
    assert Gallery.from_json(drawn.to_json()) == drawn
    with pytest.raises(TruegrainError, match="no gallery"):
        Gallery.from_json('{"mistakes": 1}')
