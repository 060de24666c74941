"""The bare servers of the bench answer what the detector says, and the load counts their answers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from model.detectors.detector import Detector
from truegrain_rig.artifacts import draw_photo, judge
from truegrain_rig.bare_app import SERVERS, serving_bare
from truegrain_rig.plain_judge import PlainDetector
from truegrain_rig.wrk import press

TOLERANCE = 0.02
"""A shrunk image differs by about one grey level."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return draw_photo(tmp_path / "photo.jpg")


def test_the_plain_detector_gives_the_probability_of_ours(tiny_artifact: Callable[..., Path], photo: Path) -> None:
    folder, image = tiny_artifact(), photo.read_bytes()
    assert PlainDetector(folder).judge(image) == pytest.approx(judge(Detector.load(folder), image), abs=TOLERANCE)


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_a_bare_server_gives_the_probability_under_load_too(
    tiny_artifact: Callable[..., Path], photo: Path, server: str
) -> None:
    folder = tiny_artifact()
    expected = PlainDetector(folder).judge(photo.read_bytes())
    with serving_bare(folder, workers=1, server=server) as url:
        answer = requests.post(url, data=photo.read_bytes(), timeout=30)
        assert answer.json()["probability"] == pytest.approx(expected, abs=1e-6)
        count = press(url, photo, seconds=1, clients=2)
        assert (count.refused, count.lost) == (0, 0)
        assert count.accepted > 0
        assert press(f"{url}/nowhere", photo, seconds=1, clients=1).accepted == 0
