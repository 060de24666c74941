"""The shadow judges a share of the images, and no request waits for it."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from model.images.decoding import Limits
from model.settings import Settings
from service.answers.options import Options
from service.answers.verdict import EXAMPLE_VERDICT
from service.app import create_app
from service.metrics.service import Metrics
from service.status.pointer import pointer_path
from service.verdicts import shadowing
from service.verdicts.model_store import ModelStore
from service.verdicts.shadowing import MOST_WAITING, Shadowing, is_chosen

Draw = Callable[..., bytes]
Publish = Callable[..., object]
Metric = Callable[..., float]


@pytest.fixture
def app(home: Path, publish: Publish) -> Iterator[APIFlask]:
    """The application with a shadow that judges every image, and says AI where production is unsure."""
    publish("1")
    publish("2", bias=2.0, alias="shadow")
    app = create_app(Settings(home=home, shadow_share=1.0))
    yield app
    app.extensions["truegrain"].stop()


def test_what_the_shadow_says_is_counted_and_changes_no_answer(
    app: APIFlask, client: FlaskClient, draw: Draw, metric: Metric
) -> None:
    for brightness in (128, 240, 10):
        answer = client.post("/predict", data=draw(brightness), content_type="image/jpeg").json
        assert answer is not None
        assert answer["model"]["version"] == "1"
    app.extensions["truegrain"].shadowing.stop()  # `stop` returns when all images are judged
    assert metric("truegrain_shadow_verdicts_total", production="unsure", shadow="ai") == 1
    assert metric("truegrain_shadow_verdicts_total", production="ai", shadow="ai") == 1
    assert metric("truegrain_shadow_verdicts_total", production="real", shadow="real") == 1
    assert metric("truegrain_shadow_difference_count") == 3
    assert metric("truegrain_predictions_total") == 3, "what the shadow says is no verdict given"


def test_a_shadow_that_fails_is_counted_and_goes_on(
    app: APIFlask,
    client: FlaskClient,
    draw: Draw,
    metric: Metric,
    monkeypatch: pytest.MonkeyPatch,
    wait_until: Callable[..., None],
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise RuntimeError("a shadow of itself")

    with monkeypatch.context() as patch:
        patch.setattr(shadowing, "judge", fail)
        assert client.post("/predict", data=draw(240), content_type="image/jpeg").status_code == 200
        wait_until(lambda: metric("truegrain_shadow_skipped_total", reason="failed") == 1, what="the failure")
    client.post("/predict", data=draw(10), content_type="image/jpeg")
    app.extensions["truegrain"].shadowing.stop()
    assert metric("truegrain_shadow_skipped_total", reason="failed") == 1
    assert metric("truegrain_shadow_verdicts_total") == 1


def test_no_more_images_wait_than_are_allowed(home: Path, publish: Publish, draw: Draw) -> None:
    publish("2", alias="shadow")
    metrics = Metrics()
    store = ModelStore(pointer_path(home, "shadow"), metrics, alias="shadow")
    store.refresh()
    idle = Shadowing(store, metrics, limits=Limits(), share=1.0)
    for _ in range(MOST_WAITING + 3):
        idle.offer(draw(), Options(), EXAMPLE_VERDICT)
    assert metrics.registry.get_sample_value("truegrain_shadow_skipped_total", {"reason": "busy"}) == 3


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.25, 250), (1.0, 1000)])
def test_the_share_is_that_of_the_images_whatever_they_are(share: float, expected: int) -> None:
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1000)]
    assert sum(is_chosen(sha256, share) for sha256 in hashes) == pytest.approx(expected, abs=50)


def test_a_larger_share_holds_the_images_of_a_smaller_one() -> None:
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(200)]
    few, more = ({sha256 for sha256 in hashes if is_chosen(sha256, share)} for share in (0.2, 0.4))
    assert few < more


def test_without_a_shadow_nothing_is_held(home: Path, draw: Draw) -> None:
    metrics = Metrics()
    alone = Shadowing(
        ModelStore(pointer_path(home, "shadow"), metrics, alias="shadow"),
        metrics,
        limits=Limits(),
        share=1.0,
    )
    alone.offer(draw(), Options(), EXAMPLE_VERDICT)
    assert alone._waiting.empty()
