"""What slow and many clients get through nginx, with the configuration of docker-compose: real nginx, real gunicorn."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from model.settings import Settings
from service.answers.problems import PROBLEMS, Problem
from service.protection.bodies import BATCH_WEIGHT, MULTIPART_OVERHEAD
from support.nginx import CONFIGURATION, proxying

Serve = Callable[..., Any]
Draw = Callable[..., bytes]

THREADS = 21
"""Threads of a worker by default."""

HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def proxy(serve: Serve, publish: Callable[..., object], tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """The addresses of nginx and of a service of one worker behind it; /tmp of the container is a folder here."""
    publish("1")
    service = serve(workers=1, proxies=1, trusted_hosts="localhost")
    folder = tmp_path / "nginx"
    folder.mkdir(mode=0o755)
    with proxying(service.url, folder) as url:
        yield url, service


def dial(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


@contextmanager
def dialled(url: str, count: int) -> Iterator[list[socket.socket]]:
    connections = [dial(url) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def predict(url: str, image: bytes, **headers: str) -> requests.Response:
    return requests.post(f"{url}/predict", data=image, headers={"Content-Type": "image/jpeg", **headers}, timeout=30)


@pytest.mark.parametrize("begin", [HEAD[:30], HEAD % 9_999 + b"half", b""], ids=["headers", "body", "silent"])
def test_senders_that_are_slow_take_no_thread_of_the_service(proxy: tuple[str, Any], draw: Draw, begin: bytes) -> None:
    url, service = proxy
    with dialled(url, 2 * THREADS) as slow:
        for connection in slow:
            connection.sendall(begin)
        assert predict(url, draw()).ok
        assert service.metric("truegrain_requests_in_flight") == 1, "the scrape itself"


def test_clients_that_do_not_close_hold_up_nobody(proxy: tuple[str, Any], draw: Draw) -> None:
    url, _ = proxy
    with dialled(url, THREADS) as staying:
        for connection in staying:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert all(connection.recv(12) == b"HTTP/1.1 200" for connection in staying)
        assert predict(url, draw()).ok


def test_a_body_that_comes_in_pieces_is_passed_on_whole(proxy: tuple[str, Any], draw: Draw) -> None:
    url, _ = proxy
    image = draw()
    with dial(url) as slow:
        slow.sendall(HEAD % len(image))
        for start in range(0, len(image), 500):
            slow.sendall(image[start : start + 500])
            time.sleep(0.05)
        assert slow.recv(12) == b"HTTP/1.1 200"


def test_one_connection_carries_many_requests(proxy: tuple[str, Any], draw: Draw) -> None:
    url, service = proxy
    [worker] = service.workers()
    with requests.Session() as session:
        for _ in range(20):
            answer = session.post(f"{url}/predict", data=draw(), headers={"Content-Type": "image/jpeg"}, timeout=30)
            assert answer.ok
    inbound = [one for one in worker.net_connections("tcp") if one.raddr and one.status == "ESTABLISHED"]
    assert 1 <= len(inbound) <= 2, "nginx opens no connection for each request"


def test_a_body_that_is_too_large_is_refused_as_the_service_refuses_it(proxy: tuple[str, Any]) -> None:
    url, _ = proxy
    answer = predict(url, bytes(20_000_000))
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert answer.json()["reason"] == "too_many_bytes"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_no_upload_is_written_to_a_file(proxy: tuple[str, Any], draw: Draw, tmp_path: Path) -> None:
    url, _ = proxy
    image = draw() + bytes(14_000_000)
    body = tmp_path / "nginx" / "nginx-body"
    before = body.stat().st_mtime_ns
    assert predict(url, image).ok
    batch = [("files", (f"{number}.jpg", image)) for number in range(4)]
    assert requests.post(f"{url}/predict/batch", files=batch, timeout=60).ok
    assert body.stat().st_mtime_ns == before, "nginx made a temporary file"
    assert "buffered to a temporary file" not in (tmp_path / "nginx" / "nginx.log").read_text()


def test_a_client_counts_by_its_address_and_not_by_one_that_it_makes_up(
    serve: Serve, publish: Callable[..., object], draw: Draw, tmp_path: Path
) -> None:
    publish("1")
    service = serve(workers=1, proxies=1, rate_limit="2/hour")
    folder = tmp_path / "nginx"
    folder.mkdir()
    with proxying(service.url, folder) as url:
        statuses = [predict(url, draw(), **{"X-Forwarded-For": f"192.0.2.{number}"}).status_code for number in range(3)]
    assert statuses == [200, 200, 429]


def test_names_that_are_not_trusted_and_metrics_do_not_pass(proxy: tuple[str, Any]) -> None:
    url, _ = proxy
    assert requests.get(f"{url}/healthz", headers={"Host": "evil.example"}, timeout=30).status_code == 400
    assert requests.get(f"{url}/metrics", timeout=30).status_code == 404


def test_nginx_answers_with_a_problem_when_the_service_is_gone(proxy: tuple[str, Any], draw: Draw) -> None:
    url, service = proxy
    service.stop()
    answer = predict(url, draw())
    assert (answer.status_code, answer.json()["reason"]) == (503, "not_ready")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_bounds_of_nginx_are_those_of_the_service() -> None:
    text, most = CONFIGURATION.read_text(), Settings().max_upload_bytes
    bounds = [most + MULTIPART_OVERHEAD, BATCH_WEIGHT * most + MULTIPART_OVERHEAD]
    assert re.findall(r"client_max_body_size (\d+);", text) == [str(bound) for bound in bounds]
    assert re.findall(r"client_body_buffer_size (\d+);", text) == [str(bound) for bound in bounds]


def test_the_problems_of_nginx_are_problems_of_the_service() -> None:
    for text in re.findall(r"return \d+ '(\{.*\})';", CONFIGURATION.read_text()):
        problem = Problem.model_validate(json.loads(text))
        assert problem.type == f"/docs#{problem.reason}"
        assert PROBLEMS[problem.reason] == (problem.status, problem.title)
