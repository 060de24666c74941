"""Every metric, read back through a scrape."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

Metric = Callable[..., float]


@pytest.fixture(autouse=True)
def version_5(publish: Callable[..., object]) -> None:
    publish("5")


def test_verdicts_are_counted_by_decision(client: FlaskClient, draw: Callable[..., bytes], metric: Metric) -> None:
    for brightness in (230, 220, 128, 20):
        client.post("/predict", data=draw(brightness), content_type="image/jpeg")
    assert metric("truegrain_predictions_total", decision="ai") == 2
    assert metric("truegrain_predictions_total", decision="unsure") == 1
    assert metric("truegrain_predictions_total", decision="real") == 1


def test_probabilities_fall_into_their_tenths(client: FlaskClient, draw: Callable[..., bytes], metric: Metric) -> None:
    for brightness in (230, 128, 20):
        client.post("/predict", data=draw(brightness), content_type="image/jpeg")
    assert metric("truegrain_probability_bucket", le="0.1") == 1
    assert metric("truegrain_probability_bucket", le="0.6") == 2
    assert metric("truegrain_probability_count") == 3


def test_each_stage_is_timed_in_seconds(client: FlaskClient, draw: Callable[..., bytes], metric: Metric) -> None:
    answer = client.post("/predict", data=draw(), content_type="image/jpeg").json
    assert answer is not None
    for stage in ("decode", "preprocess", "inference"):
        assert metric("truegrain_stage_seconds_count", stage=stage) == 1
        assert metric("truegrain_stage_seconds_sum", stage=stage) == pytest.approx(answer["timings_ms"][stage] / 1000)


def test_the_version_in_service_is_marked(client: FlaskClient, publish: Callable[..., object], metric: Metric) -> None:
    assert metric("truegrain_model_info", version="5", dataset_version="2026-01-05-0123456789ab") == 1
    publish("6", bias=1.0)
    client.application.extensions["truegrain"].store.refresh()
    assert metric("truegrain_model_info", version="5") == 0
    assert metric("truegrain_model_info", version="6") == 1
    assert metric("truegrain_model_loads_total") == 2
    assert metric("truegrain_model_load_failures_total") == 0


def test_requests_are_measured_by_route_so_that_guessed_paths_make_no_series(
    client: FlaskClient, metric: Metric
) -> None:
    for number in range(20):
        client.get(f"/guess-{number}")
    assert metric("flask_http_request_duration_seconds_count", status="404") == 20
    assert "guess" not in client.get("/metrics").text


def test_a_scrape_can_be_narrowed(client: FlaskClient) -> None:
    text = client.get("/metrics?name[]=truegrain_model_loads_total").text
    assert "truegrain_model_loads_total 1.0" in text
    assert "truegrain_probability" not in text
