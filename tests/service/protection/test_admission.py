"""Load: which requests compute, which wait, and which are refused with a time to try again."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from model.settings import Settings
from service.app import create_app
from service.protection.clients import client_at
from service.protection.overload import COMPUTING
from service.protection.queue import Queue
from service.protection.uploads import BATCH_FIELD, FIELD

Draw = Callable[..., bytes]

OTHER = "key:another"
"""A client other than the test's own."""

ADDRESS = "192.0.2.1"
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n\r\n"


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


def test_a_request_that_is_sent_away_is_not_read(client: FlaskClient, queue: Queue) -> None:
    queue._places = 0
    queue.enter(OTHER)
    body = io.BytesIO(bytes(1_000))
    assert (
        client.post("/predict", input_stream=body, content_type="image/jpeg", content_length=1_000).status_code == 503
    )
    assert body.tell() == 0


@pytest.mark.parametrize(
    ("begin", "path"),
    [
        (b"POST /predict HTTP/1.1\r\nHost: x", "/predict"),
        (b"POST /predict/batch?stability=true HTTP/1.1\r\nHost: x", "/predict/batch"),
        (b"POST /predict?max_fpr=" + b"0" * 42, "/predict"),
        (b"POST /predict/" + b"a" * 50, "/predict"),
        (b'POST /predict/"tg_secret HTTP/1.1\r\nHost: x', "/predict"),
    ],
)
def test_who_is_turned_away_at_the_door_is_logged_under_the_path_as_far_as_it_is_known(
    app: APIFlask, queue: Queue, begin: bytes, path: str
) -> None:
    queue._places = 0
    queue.enter(OTHER)
    with capture_logs() as lines:
        answer = app.extensions["door"](lambda: begin, ADDRESS)
    assert answer is not None
    [line] = lines
    problem = json.loads(answer.rpartition(b"\r\n\r\n")[2])
    assert (line["event"], line["path"], line["request_id"]) == ("request", path, problem["request_id"])


@pytest.fixture
def crowded(queue: Queue, wait_until: Callable[..., None]) -> Iterator[None]:
    """One request of ADDRESS computes, and another one of ADDRESS waits in the only place."""
    queue.enter(client_at(ADDRESS))
    waiting = threading.Thread(target=lambda: queue.enter(client_at(ADDRESS)))
    waiting.start()
    wait_until(lambda: bool(queue._waiting), what="a request in the queue")
    yield
    queue.leave()
    waiting.join()
    queue.leave()


@pytest.mark.usefixtures("crowded")
def test_the_flood_of_one_address_is_turned_away_unread(app: APIFlask) -> None:
    answer = app.extensions["door"](lambda: HEAD, ADDRESS)
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 503 ")


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize(
    ("head", "address"),
    [
        (HEAD, "192.0.2.2"),
        (HEAD.replace(b"Host", b"authorization: Bearer tg_a\r\nHost"), ADDRESS),
        (HEAD.replace(b"Host", b"x-api-KEY: tg_a\r\nHost"), ADDRESS),
        (HEAD[:-2], ADDRESS),
        (HEAD.replace(b"POST", b"GET"), ADDRESS),
    ],
)
def test_a_request_is_let_in_if_its_head_does_not_say_that_it_belongs_to_the_flood(
    app: APIFlask, head: bytes, address: str
) -> None:
    assert app.extensions["door"](lambda: head, address) is None


def test_behind_a_proxy_an_address_names_no_client(
    start_client: Callable[..., FlaskClient], publish: Callable[..., object]
) -> None:
    publish("1")
    app = start_client(queue=1, proxies=1).application
    queue: Queue = app.extensions["truegrain"].queue
    queue.enter(client_at(ADDRESS))
    assert app.extensions["door"](lambda: HEAD, ADDRESS) is None
    queue.leave()


def send(app: APIFlask, image: bytes) -> int:
    return app.test_client().post("/predict", data=image, content_type="image/jpeg").status_code
