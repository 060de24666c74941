"""What gunicorn's stock worker does, without a proxy, for clients that are slow, silent, or too many."""

import contextlib
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from service.protection.browsers import SECURITY_HEADERS

Serve = Callable[..., Any]
Draw = Callable[..., bytes]

HALF = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 9999\r\n\r\nhalf"


def test_clients_that_fall_silent_hold_up_nobody_and_are_cut_off(
    serve: Serve, publish: Callable[..., Any], draw: Draw
) -> None:
    publish("1")
    service = serve(workers=1, upload_seconds=1)
    in_the_body, in_the_headers = ([dial(service) for _ in range(4)] for _ in range(2))
    for connection in in_the_body:
        connection.sendall(HALF)
    for connection in in_the_headers:
        connection.sendall(HALF[:30])
    assert service.predict(draw()).ok
    for connection in in_the_body:
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"reason":"incomplete"' in answer
    assert [read_all(connection) for connection in in_the_headers] == [b""] * 4, "there is nobody to answer yet"
    assert service.predict(draw()).ok
    service.stop()
    assert "Traceback" not in service.log.read_text()


def test_more_silent_clients_than_threads_are_outlasted(serve: Serve, publish: Callable[..., Any], draw: Draw) -> None:
    publish("1")
    service = serve(workers=1, upload_seconds=1)
    silent = [dial(service) for _ in range(60)]
    for connection in silent[:30]:
        connection.sendall(HALF)
    assert service.predict(draw()).ok
    for connection in silent:
        connection.close()


def test_one_connection_carries_many_requests_though_some_are_refused_unread(
    serve: Serve, publish: Callable[..., Any], draw: Draw
) -> None:
    publish("1")
    service = serve(workers=1)
    with dial(service) as connection:
        for key, status in ((b"", b"200"), (b"X-API-Key: x\r\n", b"401"), (b"", b"200")):
            image = draw()
            head = HALF.removesuffix(b"half").replace(b"9999", str(len(image)).encode())
            connection.sendall(head.replace(b"\r\n\r\n", b"\r\n" + key + b"\r\n") + image)
            assert read_answer(connection).startswith(b"HTTP/1.1 " + status)


def test_at_three_times_what_it_can_do_a_worker_answers_everybody(
    serve: Serve, publish: Callable[..., Any], draw: Draw
) -> None:
    publish("1")
    service = serve(workers=1, queue=1, proxies=1)
    image = draw(size=(1600, 1200))

    def predict_for(number: int) -> requests.Response:
        answer: requests.Response = service.predict(image, headers={"X-Forwarded-For": f"192.0.2.{number}"})
        return answer

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(predict_for, range(60)))
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = {answer.headers["X-Request-ID"]: answer for answer in answers if answer.status_code == 503}
    for answer in refused.values():
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        assert (SECURITY_HEADERS | {"Cache-Control": "no-store"}).items() <= answer.headers.items()
    assert service.metric("truegrain_rejections_total", reason="overloaded") == len(refused)
    assert service.predict(draw()).ok, "and is back when they are gone"
    service.stop()
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    told = [line for line in lines if line.get("status") == 503]
    assert {line["request_id"] for line in told} == set(refused)
    assert {(line["path"], line["reason"]) for line in told} == {("/predict", "overloaded")}


def test_a_refused_request_whose_body_never_comes_is_answered_at_once(serve: Serve) -> None:
    """Even if single bytes of the body arrive."""
    service = serve(workers=1, upload_seconds=50)
    head = HALF.replace(b"9999", b"9999999").replace(b"\r\n\r\n", b"\r\nX-API-Key: x\r\n\r\n")
    with dial(service) as silent, dial(service) as slow:
        for client in (silent, slow):
            client.sendall(head)
        for client in (silent, slow):
            client.settimeout(10)
            assert client.recv(12) == b"HTTP/1.1 401"
            with contextlib.suppress(OSError):
                slow.sendall(b"x")


def dial(service: Any) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def read_answer(connection: socket.socket) -> bytes:
    """Read one answer, whose length its header tells; the connection stays open."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    head, _, body = received.partition(b"\r\n\r\n")
    [length] = [int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")]
    while len(body) < length:
        body += connection.recv(4096)
    return received


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(4096):
            received += chunk
    return received
