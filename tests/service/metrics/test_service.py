"""Every metric, read back through a scrape."""

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from service.answers.problems import PROBLEMS
from support.metrics import read_metric

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
    assert metric("truegrain_model_info", version="5", dataset_version="20260105-0123456789ab") == 1
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


def test_a_scrape_is_the_same_whatever_is_asked_for(client: FlaskClient) -> None:
    accept = "application/openmetrics-text;version=\xff"
    for answer in (
        client.get("/metrics?name[]=truegrain_model_loads_total"),
        client.get("/metrics", headers={"Accept": accept}),
    ):
        assert answer.status_code == 200
        assert answer.content_type.startswith("text/plain; version=")
        assert "truegrain_model_loads_total 1.0" in answer.text
        assert "truegrain_probability" in answer.text


def test_images_are_measured_in_bytes_and_pixels(
    client: FlaskClient, draw: Callable[..., bytes], metric: Metric
) -> None:
    alone, together = draw(size=(64, 32)), draw(20, size=(50, 40))
    client.post("/predict", data=alone, content_type="image/jpeg")
    client.post("/predict/batch", data={"files": (io.BytesIO(together), "b.jpg")})
    assert metric("truegrain_upload_bytes_sum") == len(alone) + len(together)
    assert metric("truegrain_image_pixels_sum") == 64 * 32 + 50 * 40


def test_the_time_a_request_holds_its_worker_is_counted_with_what_the_worker_costs(
    start_client: Callable[..., FlaskClient], draw: Callable[..., bytes]
) -> None:
    client = start_client(cost_per_hour=0.25)
    answer = client.post("/predict", data=draw(), content_type="image/jpeg").json
    assert answer is not None
    scrape = client.get("/metrics").text
    assert read_metric(scrape, "truegrain_compute_seconds_total") >= answer["timings_ms"]["total"] / 1000
    assert read_metric(scrape, "truegrain_worker_cost_per_hour") == 0.25
    assert read_metric(scrape, "truegrain_workers") == 1


def test_a_request_is_in_flight_until_it_is_answered(client: FlaskClient, metric: Metric) -> None:
    client.get("/healthz")
    assert metric("truegrain_requests_in_flight") == 1, "the scrape itself"


def test_the_age_of_the_detector_in_service_can_be_told(
    client: FlaskClient, publish: Callable[..., object], metric: Metric
) -> None:
    loaded = metric("truegrain_model_loaded_timestamp_seconds", alias="production")
    publish("6", bias=1.0)
    client.application.extensions["truegrain"].store.refresh()
    assert metric("truegrain_model_loaded_timestamp_seconds", alias="production") > loaded


def test_every_reason_to_refuse_begins_at_zero(metric: Metric) -> None:
    for reason in PROBLEMS:
        assert metric("truegrain_rejections_total", reason=reason) == 0


def test_methods_that_somebody_invents_make_no_series(client: FlaskClient, metric: Metric) -> None:
    for number in range(20):
        answer = client.open("/model", method=f"GUESS{number}")
        assert (answer.status_code, (answer.json or {})["reason"]) == (405, "method_not_allowed")
        assert client.open("/nowhere", method=f"GUESS{number}").status_code == 404
    client.put("/model")
    assert "GUESS" not in client.get("/metrics").text
    assert metric("flask_http_request_total", method="OTHER", status="405") == 20
    assert metric("flask_http_request_total", method="OTHER", status="404") == 20
    assert metric("flask_http_request_total", method="PUT", status="405") == 1
