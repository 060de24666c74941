"""Load: which requests compute, which wait, and which are refused with a time to try again."""

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from model.settings import Settings
from service.app import create_app
from service.protection.browsers import SECURITY_HEADERS
from service.protection.overload import COMPUTING
from service.protection.queue import Queue
from service.protection.uploads import BATCH_FIELD, FIELD

Draw = Callable[..., bytes]

OTHER = "key:another"
"""A client other than the test's own."""


@pytest.fixture
def app(home: Path, publish: Callable[..., object]) -> Iterator[APIFlask]:
    """An application whose queue has one place."""
    publish("1")
    app = create_app(Settings(home=home, queue=1, queue_seconds=60))
    yield app
    app.extensions["truegrain"].stop()


@pytest.fixture
def queue(app: APIFlask) -> Queue:
    queue: Queue = app.extensions["truegrain"].queue
    return queue


def test_a_request_waits_for_the_one_before_it(
    client: FlaskClient, queue: Queue, draw: Draw, metric: Callable[..., float]
) -> None:
    queue.enter(OTHER)
    threading.Timer(0.05, queue.leave).start()
    assert client.post("/predict", data=draw(), content_type="image/jpeg").status_code == 200
    assert metric("truegrain_queue_seconds_sum") > 0


def test_when_the_queue_is_full_the_rest_is_told_to_come_back(
    app: APIFlask, queue: Queue, draw: Draw, metric: Callable[..., float], wait_until: Callable[..., None]
) -> None:
    queue.enter(OTHER)
    waiting = threading.Thread(target=lambda: send(app, draw()))
    waiting.start()
    wait_until(lambda: bool(queue._waiting), what="a request in the queue")
    answer = app.test_client().post("/predict", data=draw(), content_type="image/jpeg")
    queue.leave()
    waiting.join()
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.json is not None
    assert answer.json["reason"] == "overloaded"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["X-Request-ID"] == answer.json["request_id"]
    assert SECURITY_HEADERS.items() <= dict(answer.headers).items()
    assert metric("truegrain_rejections_total", reason="overloaded") == 1


def test_every_route_that_computes_waits_for_its_turn_though_not_for_ever(
    start_client: Callable[..., FlaskClient], publish: Callable[..., object], draw: Draw
) -> None:
    publish("1")
    publish("1", alias="shadow")
    client = start_client(queue=1, queue_seconds=0.01)
    client.application.extensions["truegrain"].queue.enter(OTHER)
    rules = {rule.rule for rule in client.application.url_map.iter_rules() if rule.rule.startswith(COMPUTING)}
    assert rules > {COMPUTING}
    for rule in rules:
        image = {BATCH_FIELD if rule == "/predict/batch" else FIELD: (io.BytesIO(draw()), "a.jpg")}
        answer = client.post(rule, data=image)
        assert (rule, (answer.json or {})["reason"]) == (rule, "overloaded")


def test_whoever_does_not_compute_never_waits(client: FlaskClient, queue: Queue) -> None:
    queue.enter(OTHER)
    for path in ("/healthz", "/readyz", "/metrics", "/model", "/docs"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("spoiled", [b"no image", b""])
def test_a_refused_request_gives_its_turn_back(client: FlaskClient, draw: Draw, spoiled: bytes) -> None:
    for _ in range(3):
        assert client.post("/predict", data=spoiled, content_type="image/jpeg").status_code >= 400
    assert client.post("/predict", data=draw(), content_type="image/jpeg").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://localhost"}])
def test_a_request_that_is_sent_away_is_not_read(client: FlaskClient, queue: Queue, headers: dict[str, str]) -> None:
    queue._places = 0
    queue.enter(OTHER)
    body = io.BytesIO(bytes(1_000))
    sent = {"input_stream": body, "content_type": "image/jpeg", "content_length": 1_000}
    assert client.post("/predict", headers=headers, **sent).status_code == 503
    assert body.tell() == 0


def test_a_page_of_an_allowed_site_can_read_that_it_is_refused(
    start_client: Callable[..., FlaskClient], publish: Callable[..., object], draw: Draw
) -> None:
    publish("1")
    client = start_client(queue=1, queue_seconds=0.01, cors_origins="https://shop.example")
    client.application.extensions["truegrain"].queue.enter(OTHER)
    answer = client.post("/predict", data=draw(), content_type="image/jpeg", headers={"Origin": "https://shop.example"})
    assert (answer.status_code, (answer.json or {})["reason"]) == (503, "overloaded")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"


def test_a_refusal_has_the_headers_that_flask_gives_to_a_refusal(client: FlaskClient, queue: Queue, draw: Draw) -> None:
    queue._places = 0
    queue.enter(OTHER)
    to_shed, to_flask = (
        client.post(
            "/predict",
            data=draw(),
            content_type="image/jpeg",
            base_url="https://localhost",
            headers={"X-Request-ID": "mine", **headers},
        )
        for headers in ({}, {"Origin": "https://localhost"})
    )
    assert to_shed.json == to_flask.json
    assert sorted(to_shed.headers) == sorted(to_flask.headers)
    assert "Strict-Transport-Security" in to_shed.headers


def send(app: APIFlask, image: bytes) -> int:
    return app.test_client().post("/predict", data=image, content_type="image/jpeg").status_code
