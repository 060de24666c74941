import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from service.request_log import LONGEST_PATH


def test_every_answer_carries_an_id_of_its_own(client: FlaskClient) -> None:
    first, second = (client.get("/healthz").headers["X-Request-ID"] for _ in range(2))
    assert len(first) == 32
    assert first != second


def test_the_id_of_the_caller_is_kept(client: FlaskClient) -> None:
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-01"
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "two words", "a" * 65, "ä", '{"level":"error"}'])
def test_an_id_that_could_harm_the_log_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/nowhere", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    assert answer.json is not None
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


def test_the_id_is_in_the_verdict_too(
    publish: Callable[..., object], draw: Callable[..., bytes], client: FlaskClient
) -> None:
    publish("1")
    client.application.extensions["truegrain"].store.refresh()
    answer = client.post("/predict", data={"file": (io.BytesIO(draw()), "a.jpg")}, headers={"X-Request-ID": "mine"})
    assert answer.json is not None
    assert answer.json["request_id"] == "mine"


def test_a_request_is_one_line_of_log(client: FlaskClient) -> None:
    with capture_logs() as lines:
        client.post("/predict?q=1", data=b"12345", content_type="image/png")
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["method"], line["path"], line["status"], line["bytes_in"]) == ("POST", "/predict", 503, 5)
    assert line["log_level"] == "info"


def test_probes_stay_out_of_the_log(client: FlaskClient) -> None:
    with capture_logs() as lines:
        client.get("/healthz")
        client.get("/metrics")
    assert {line["log_level"] for line in lines} == {"debug"}


def test_a_path_is_logged_as_far_as_it_may_be_one(client: FlaskClient) -> None:
    with capture_logs() as lines:
        client.get("/" + "%01" * 1_000)
    (line,) = lines
    assert line["path"] == "/" + "\1" * (LONGEST_PATH - 1)
