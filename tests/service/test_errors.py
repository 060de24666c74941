"""Errors that have nothing to do with the image."""

from collections.abc import Callable

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient


def test_an_unknown_path_is_a_problem(client: FlaskClient) -> None:
    answer = client.get("/predictions")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.json is not None
    assert answer.json["reason"] == "not_found"
    assert "'/predictions'" in answer.json["detail"]
    assert "/docs" in answer.json["detail"]


def test_a_wrong_method_is_a_problem_that_names_the_right_one(client: FlaskClient) -> None:
    answer = client.get("/predict")
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]
    assert answer.json is not None
    assert answer.json["detail"] == "'/predict' does not take GET; it takes OPTIONS, POST"


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/model"), ("GET", "/readyz")])
def test_without_a_detector_the_client_is_told_to_come_back(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json is not None
    assert answer.json["reason"] == "not_ready"


def test_a_mistake_of_ours_is_a_500_that_gives_nothing_away(
    app: APIFlask, caplog: pytest.LogCaptureFixture, metric: Callable[..., float]
) -> None:
    def fail() -> str:
        raise RuntimeError("the password is swordfish")

    app.add_url_rule("/fail", view_func=fail)
    answer = app.test_client().get("/fail")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert "swordfish" not in answer.text
    assert "swordfish" in caplog.text, "the cause must be in the log"
    assert metric("truegrain_rejections_total", reason="internal_error") == 1
    assert metric("flask_http_request_exceptions_total", status="500") == 1


def test_a_redirect_is_no_problem(client: FlaskClient) -> None:
    answer = client.get("/receipts//key")
    assert (answer.status_code, answer.headers["Location"]) == (308, "http://localhost/receipts/key")
