"""What is remembered of a verdict is what the detector found, whichever endpoint gave it."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from model.detectors.detector import Detector
from model.detectors.traffic_sample import EMBEDDING, Sample
from model.images.decoding import Limits, decode
from model.monitoring.database import open_database
from model.monitoring.predictions import read_window
from service.answers.options import Options
from service.status.pointer import Pointer, pointer_path
from service.verdicts.delivery import to_prediction
from service.verdicts.judging import judge, to_verdict
from service.verdicts.model_store import ServedModel

Draw = Callable[..., bytes]
LEVELS = (40, 200)


@pytest.fixture
def served(publish: Callable[..., Pointer], home: Path) -> ServedModel:
    pointer = publish("7")
    publish("8", bias=2.0, alias="shadow")
    detector = Detector.load(pointer_path(home).parent / pointer.folder)
    return ServedModel(version=pointer, detector=detector, loaded_at=0)


def ask_one_by_one(client: FlaskClient, path: str, images: list[bytes]) -> None:
    for image in images:
        assert client.post(path, data=image, content_type="image/jpeg").status_code == 200


def ask_at_once(client: FlaskClient, path: str, images: list[bytes]) -> None:
    files = [(io.BytesIO(image), "image.jpg") for image in [images[0], b"no image", *images[1:]]]
    assert client.post(path, data={"files": files}).status_code == 200


def read_all(app: APIFlask, home: Path) -> Sample:
    app.extensions["truegrain"].predictions.stop()
    engine = open_database(f"sqlite:///{home / 'predictions.db'}")
    sha256 = Pointer.read(pointer_path(home)).sha256
    window = read_window(engine, model_version="7", model_sha256=sha256, most=10, until=datetime.now(UTC))
    engine.dispose()
    return window.sample


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/predict", ask_one_by_one),
        ("/predict/compare", ask_one_by_one),
        ("/predict/explain", ask_one_by_one),
        ("/predict/batch", ask_at_once),
    ],
)
def test_every_endpoint_remembers_where_the_detector_placed_an_image_and_what_its_file_was(
    served: ServedModel,
    app: APIFlask,
    home: Path,
    client: FlaskClient,
    draw: Draw,
    path: str,
    ask: Callable[[FlaskClient, str, list[bytes]], None],
) -> None:
    images = [draw(level) for level in LEVELS]
    ask(client, path, images)
    kept = read_all(app, home)
    seen = np.stack([served.detector.preprocess(decode(image).rgb) for image in images])
    scores = served.detector.score(seen)
    order = np.argsort(kept.probability)
    assert kept.embedding is not None
    np.testing.assert_allclose(kept.embedding[order], scores.embedding, atol=0.005)
    assert kept.bytes[order].tolist() == [len(image) for image in images]
    assert set(kept.jpeg_quality) == {75}


def test_a_place_too_far_away_for_a_row_is_the_end_of_its_range(served: ServedModel, draw: Draw) -> None:
    judged = judge(draw(), served, limits=Limits(), options=Options())
    verdict = to_verdict(judged, served, request_id="r")
    far = replace(judged, embedding=np.float32([1e6, -1e6, 0.5]))
    kept = to_prediction(verdict, far, client="shop", at=datetime.now(UTC)).embedding
    assert kept is not None
    assert np.frombuffer(kept, EMBEDDING).tolist() == [65504, -65504, 0.5]


def test_a_detector_that_places_nothing_leaves_that_out(served: ServedModel, draw: Draw) -> None:
    judged = replace(judge(draw(), served, limits=Limits(), options=Options()), embedding=None)
    verdict = to_verdict(judged, served, request_id="r")
    assert to_prediction(verdict, judged, client="shop", at=datetime.now(UTC)).embedding is None
