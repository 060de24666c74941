"""The worker's deadlines, tested by slow clients."""

import contextlib
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from service.protection.browsers import SECURITY_HEADERS
from service.worker import LONGEST_HEAD_START, Worker, head_start

Serve = Callable[..., Any]
Draw = Callable[..., bytes]


@dataclass(frozen=True)
class Connection:
    """What the worker sees of gunicorn's connection."""

    sock: socket.socket


HALF = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 9999\r\n\r\nhalf"


def test_the_busier_a_worker_is_the_longer_it_leaves_a_connection_to_others() -> None:
    waits = [head_start(requests) for requests in range(100)]
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_HEAD_START


def test_clients_that_are_slow_to_send_or_to_close_hold_up_nobody_and_are_cut_off(
    serve: Serve, publish: Callable[..., Any], draw: Draw
) -> None:
    publish("1")
    service = serve(workers=1, upload_seconds=1)
    in_the_body, in_the_headers, not_closing = ([dial(service) for _ in range(4)] for _ in range(3))
    for connection in in_the_body:
        connection.sendall(HALF)
    for connection in in_the_headers:
        connection.sendall(HALF[:30])
    for connection in not_closing:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert service.predict(draw()).ok
    for connection in in_the_body:
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"reason":"incomplete"' in answer
    assert [read_all(connection) for connection in in_the_headers] == [b""] * 4, "there is nobody to answer yet"
    assert all(read_all(connection) for connection in not_closing)
    assert service.predict(draw()).ok


def test_at_three_times_what_it_can_do_a_worker_answers_everybody(
    serve: Serve, publish: Callable[..., Any], draw: Draw
) -> None:
    publish("1")
    service = serve(workers=1, queue=1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(service.predict, [draw(size=(800, 600))] * 40))
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert all("Retry-After" in answer.headers for answer in refused)
    assert all(answer.json()["request_id"] == answer.headers["X-Request-ID"] for answer in refused)
    assert service.metric("truegrain_rejections_total", reason="overloaded") == len(refused)
    assert service.predict(draw()).ok, "and is back when they are gone"


def test_whoever_is_turned_away_unread_is_told_logged_and_counted_like_everybody_else(
    serve: Serve, publish: Callable[..., Any], draw: Draw
) -> None:
    publish("1")
    service = serve(workers=1, queue=1, proxies=1, cors_origins="https://shop.example")
    image = draw(size=(800, 600))

    def predict_for(number: int) -> Any:
        """Send a request as a new client: Flask would refuse the surplus of a single client."""
        return service.predict(image, headers={"X-Forwarded-For": f"192.0.2.{number}"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(predict_for, range(40)))
    refused = {answer.headers["X-Request-ID"]: answer for answer in answers if answer.status_code == 503}
    assert [answer for answer in refused.values() if "Server" not in answer.headers], "gunicorn did not answer these"
    for answer in refused.values():
        assert (SECURITY_HEADERS | {"Cache-Control": "no-store"}).items() <= answer.headers.items()
    assert service.metric("flask_http_request_total", method="POST", status="503") == len(refused)
    service.stop()
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    told = [line for line in lines if line.get("status") == 503]
    assert {line["request_id"] for line in told} == set(refused)
    assert len(told) == len(refused)
    fields = ("event", "method", "path", "reason")
    assert {tuple(line[field] for field in fields) for line in told} == {("request", "POST", "/predict", "overloaded")}
    assert len({frozenset(line) for line in told}) <= 2, "those answered by Flask know more of the client"


def test_those_answered_or_turned_away_are_let_go_though_they_never_close(
    serve: Serve, publish: Callable[..., Any], draw: Draw, wait_until: Callable[..., None]
) -> None:
    publish("1")
    service = serve(workers=1, queue=0)
    image = draw(size=(1600, 1200))
    head = HALF.decode().replace("9999", str(len(image))).removesuffix("half")
    clients = [dial(service) for _ in range(12)]
    for client in clients:
        client.sendall(head.encode() + image)
    answers = [client.recv(12) for client in clients]
    assert answers.count(b"HTTP/1.1 503") > 0
    assert set(answers) <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    [worker] = service.workers()
    wait_until(lambda: not [one for one in worker.net_connections("tcp") if one.raddr], what="no connection is left")
    for client in clients:
        client.close()
    assert service.predict(draw()).ok


@pytest.mark.parametrize(
    ("age", "reads", "writes", "lives"),
    [(1, True, True, True), (31, False, True, True), (61, False, False, True), (121, False, False, False)],
)
def test_a_request_loses_its_connection_first_and_then_its_worker(
    age: float, reads: bool, writes: bool, lives: bool
) -> None:
    beats: list[bool] = []
    worker = Worker.__new__(Worker)
    worker.cfg = SimpleNamespace(timeout=60)
    worker.tmp = SimpleNamespace(notify=lambda: beats.append(True))
    worker._upload_seconds, worker._notify_at = 30, 0
    worker.wsgi = SimpleNamespace(extensions={"waiting": {}})
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker._begun = {Connection(ours): time.monotonic() - age}
        theirs.sendall(b"late" if reads else b"")
        worker.notify()
        assert (ours.recv(4) == b"late") == reads
        assert can_write(ours) == writes
    assert bool(beats) == lives


def can_write(connection: socket.socket) -> bool:
    try:
        return connection.send(b"answer") > 0
    except BrokenPipeError:
        return False


def dial(service: Any) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with connection:
        while chunk := connection.recv(4096):
            received += chunk
    return received


def test_a_refused_request_whose_body_never_comes_is_answered_soon(serve: Serve) -> None:
    """Even if single bytes of the body arrive; TRUEGRAIN_UPLOAD_SECONDS apply only to requests that are let in."""
    service = serve(workers=1, upload_seconds=50)
    head = HALF.replace(b"\r\n\r\n", b"\r\nX-API-Key: x\r\n\r\n")
    clients = [dial(service) for _ in range(2)]
    begun = time.monotonic()
    for client in clients:
        client.sendall(head)
    answer, got = clients[0], b""
    answer.settimeout(0.2)
    while not got and time.monotonic() < begun + 25:
        with contextlib.suppress(TimeoutError):
            got = answer.recv(12)
        with contextlib.suppress(OSError):
            clients[1].sendall(b"x")
    assert got == b"HTTP/1.1 401"
    clients[1].settimeout(max(1, begun + 25 - time.monotonic()))
    assert clients[1].recv(12) == b"HTTP/1.1 401"
    for client in clients:
        client.close()
