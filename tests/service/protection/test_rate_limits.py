"""Rate limits of a client: counted in memory, in a real Redis, and while Redis is away."""

import io
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from model.errors import SettingsError
from service.protection.api_keys import Key, hash_of
from truegrain_rig.process import free_ports

Draw = Callable[..., bytes]
Start = Callable[..., FlaskClient]
Publish = Callable[..., object]
NEEDS_REDIS = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


@pytest.fixture(autouse=True)
def keys(give_keys: Callable[..., None]) -> None:
    shop = Key(name="shop", roles=("predict",), hashes=(hash_of("shop"),))
    give_keys(shop, Key(name="lab", roles=("predict",), hashes=(hash_of("lab"),), limit="3/hour"))


def granted(client: FlaskClient, **kwargs: object) -> int:
    """Return how many of ten requests are let through."""
    answers = [client.get("/model", **kwargs) for _ in range(10)]  # type: ignore[arg-type]
    return sum(answer.status_code != 429 for answer in answers)


def predict(client: FlaskClient, image: bytes, *, path: str = "/predict", times: int = 1) -> TestResponse:
    """Send an image, or a batch of the same image."""
    field = "files" if path == "/predict/batch" else "file"
    return client.post(path, data={field: [(io.BytesIO(image), "a.jpg") for _ in range(times)]})


def with_key(secret: str) -> dict[str, dict[str, str]]:
    return {"headers": {"X-API-Key": secret}}


def test_without_a_limit_there_is_none(start_client: Start) -> None:
    assert granted(start_client()) == 10


def test_each_address_has_its_own_count(start_client: Start) -> None:
    client = start_client(rate_limit="2/hour")
    assert granted(client) == 2
    assert granted(client, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}) == 2


def test_each_key_has_its_own_count_wherever_it_comes_from_and_may_have_its_own_limit(start_client: Start) -> None:
    client = start_client(rate_limit="2/hour")
    assert granted(client, **with_key("shop")) == 2
    assert granted(client, **with_key("shop"), environ_overrides={"REMOTE_ADDR": "192.0.2.7"}) == 0
    assert granted(client, **with_key("lab")) == 3


def test_the_count_is_one_for_all_routes(start_client: Start) -> None:
    client = start_client(rate_limit="2/hour")
    granted(client)
    assert client.post("/predict").status_code == 429


def test_who_asks_too_often_is_told_when_to_come_back(start_client: Start) -> None:
    client = start_client(rate_limit="2/hour")
    granted(client, **with_key("shop"))
    answer = client.get("/model", **with_key("shop"))  # type: ignore[arg-type]
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    assert 3_000 < int(answer.headers["Retry-After"]) <= 3_600
    assert answer.json is not None
    assert answer.json["reason"] == "too_many_requests"
    assert "2 per 1 hour" in answer.json["detail"]
    assert "'shop'" in answer.json["detail"]


def test_probes_and_documentation_are_not_counted(start_client: Start) -> None:
    client = start_client(rate_limit="1/hour")
    for path in ("/healthz", "/metrics", "/docs", "/openapi.json"):
        for _ in range(3):
            assert client.get(path).status_code == 200


def test_addresses_of_one_ipv6_network_are_one_client(start_client: Start) -> None:
    client = start_client(rate_limit="2/hour")
    assert granted(client, environ_overrides={"REMOTE_ADDR": "2001:db8:1:2::1"}) == 2
    assert granted(client, environ_overrides={"REMOTE_ADDR": "2001:db8:1:2:8000::1"}) == 0
    assert granted(client, environ_overrides={"REMOTE_ADDR": "2001:db8:1:3::1"}) == 2


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "tg_guessed"}])
def test_who_is_refused_for_want_of_a_key_is_counted(start_client: Start, headers: dict[str, str]) -> None:
    client = start_client(rate_limit="2/hour", require_auth=True)
    statuses = [client.get("/model", headers=headers).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert granted(client, **with_key("shop")) == 2, "its key has a count of its own, wherever it comes from"


def test_a_batch_costs_as_many_units_as_it_has_images(start_client: Start, publish: Publish, draw: Draw) -> None:
    publish("1")
    client = start_client(rate_limit="100/hour")
    assert predict(client, draw(), path="/predict/batch", times=64).status_code == 200
    refused = predict(client, draw(), path="/predict/batch", times=64)
    assert refused.status_code == 429
    assert "100 per 1 hour are granted to this address, this request costs 64 units: one an image" in refused.text
    assert 3_000 < int(refused.headers["Retry-After"]) <= 3_600
    for _ in range(36):
        assert predict(client, draw()).status_code == 200
    assert predict(client, draw()).status_code == 429


@pytest.mark.parametrize(("path", "units"), [("/predict", 4), ("/predict/compare", 8), ("/predict/explain", 4)])
def test_an_image_costs_a_unit_and_one_for_each_of_its_megapixels(
    start_client: Start, publish: Publish, draw: Draw, path: str, units: int
) -> None:
    publish("1")
    publish("1", alias="shadow")
    client = start_client(rate_limit="10/hour")
    large, small = draw(size=(2_000, 1_500)), draw()
    assert predict(client, large, path=path).status_code == 200
    assert [predict(client, small).status_code for _ in range(11 - units)] == [200] * (10 - units) + [429]


def test_what_is_no_image_costs_one_unit(start_client: Start, publish: Publish) -> None:
    publish("1")
    client = start_client(rate_limit="2/hour")
    assert [predict(client, b"no image").status_code for _ in range(3)] == [415, 415, 429]


def test_the_units_are_taken_before_the_pixels_are_decoded(
    start_client: Start, publish: Publish, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("1")
    client = start_client(rate_limit="5/hour")
    assert predict(client, draw()).status_code == 200
    monkeypatch.setattr("service.verdicts.image_views.load", lambda _: pytest.fail("its pixels were decoded"))
    assert predict(client, draw(size=(2_000, 2_000))).status_code == 429
    assert client.application.extensions["truegrain"].queue._computing is None, "the turn was handed on"


def test_who_is_refused_for_want_of_units_loses_none(start_client: Start, publish: Publish, draw: Draw) -> None:
    publish("1")
    client = start_client(rate_limit="10/hour")
    for _ in range(7):
        predict(client, draw())
    for _ in range(5):
        assert predict(client, draw(size=(2_000, 2_000))).status_code == 429
    assert [predict(client, draw()).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_uploads_that_are_refused_for_want_of_units_are_read_as_often_as_requests_are_granted(
    start_client: Start, publish: Publish, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a client with one unit left could have uploads read and opened without end."""
    publish("1")
    client = start_client(rate_limit="4/hour")
    assert predict(client, draw(size=(2_000, 1_100))).status_code == 200
    read: list[bool] = []
    monkeypatch.setattr("service.context.count_pixels", lambda *_, **__: read.append(True) or 2_200_000)
    assert {predict(client, draw(size=(2_000, 1_100))).status_code for _ in range(10)} == {429}
    assert len(read) == 4
    refused = client.get("/model")
    assert refused.status_code == 429, "and everything else waits, too"
    assert 3_000 < int(refused.headers["Retry-After"]) <= 3_600
    assert client.get("/model", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200


def test_a_request_that_costs_more_than_is_granted_at_a_time_takes_all_of_it(
    start_client: Start, publish: Publish, draw: Draw
) -> None:
    """Otherwise a limit such as 10/second would always refuse a telephone's photograph."""
    publish("1")
    client = start_client(rate_limit="3/hour;100/day")
    assert predict(client, draw(size=(3_000, 2_000))).status_code == 200
    assert predict(client, draw()).status_code == 429
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/model", environ_overrides=elsewhere).status_code == 200
    large = {"file": (io.BytesIO(draw(size=(3_000, 2_000))), "a.png")}
    assert client.post("/predict", data=large, environ_overrides=elsewhere).status_code == 429


def test_of_two_limits_each_counts_the_units(start_client: Start, publish: Publish, draw: Draw) -> None:
    publish("1")
    client = start_client(rate_limit="70/second;100/day")
    assert predict(client, draw(), path="/predict/batch", times=64).status_code == 200
    time.sleep(1.1)
    assert predict(client, draw(), path="/predict/batch", times=37).status_code == 429, "of the day 36 are left"
    assert predict(client, draw(), path="/predict/batch", times=36).status_code == 200


@pytest.mark.parametrize("wrong", [{"rate_limit": "often"}, {"rate_storage": "mysql://host"}])
def test_what_is_not_understood_keeps_the_service_from_starting(start_client: Start, wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="TRUEGRAIN_RATE_"):
        start_client(**wrong)


@pytest.fixture
def redis_server(tmp_path: Path, wait_until: Callable[..., None]) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A real Redis: its address, and the process."""
    [port] = free_ports(1)
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    with redis.Redis(port=port) as connection:
        wait_until(lambda: _answers(connection), what="Redis")
    yield f"redis://127.0.0.1:{port}", process
    process.kill()
    process.wait()


def _answers(connection: "redis.Redis") -> bool:
    try:
        return bool(connection.ping())
    except redis.ConnectionError:
        return False


@NEEDS_REDIS
def test_with_redis_all_workers_count_together_and_without_it_each_for_itself(
    start_client: Start, redis_server: tuple[str, "subprocess.Popen[bytes]"], caplog: pytest.LogCaptureFixture
) -> None:
    address, process = redis_server
    one, other = (start_client(rate_limit="3/hour", rate_storage=address) for _ in range(2))
    assert granted(one) == 3
    assert granted(other) == 0
    process.kill()
    process.wait()
    assert granted(one) == 3, "no request fails for want of Redis, and the limit holds"
    assert granted(other) == 3
    assert sum("unreachable" in record.message for record in caplog.records) == 2, "once for each worker"


@NEEDS_REDIS
def test_units_are_counted_in_redis_too_and_without_it_as_well(
    start_client: Start, publish: Publish, draw: Draw, redis_server: tuple[str, "subprocess.Popen[bytes]"]
) -> None:
    publish("1")
    address, process = redis_server
    one, other = (start_client(rate_limit="10/hour", rate_storage=address) for _ in range(2))
    assert predict(one, draw(), path="/predict/batch", times=9).status_code == 200
    assert predict(other, draw(), path="/predict/batch", times=2).status_code == 429
    process.kill()
    process.wait()
    assert predict(other, draw(), path="/predict/batch", times=9).status_code == 200
    assert predict(other, draw(), path="/predict/batch", times=2).status_code == 429


def test_a_report_that_is_refused_for_want_of_room_takes_its_unit(
    start_client: Start, give_keys: Callable[..., None], publish: Publish, draw: Draw, wait_until: Callable[..., None]
) -> None:
    """Its answer has the status of a request that is over the limit, which takes none."""
    give_keys(Key(name="shop", roles=("predict", "feedback"), hashes=(hash_of("shop"),)))
    publish("1")
    client = start_client(rate_limit="6/hour", feedback_waiting=1)
    log = client.application.extensions["truegrain"].predictions
    judged = [
        client.post("/predict", data=draw(230 + n), content_type="image/jpeg", **with_key("shop")) for n in (0, 1)
    ]
    ids = [(answer.json or {})["id"] for answer in judged]
    wait_until(lambda: log.find(ids[1]), what="the prediction to be remembered")
    said = [{"prediction_id": ids[n > 0], "label": "ai"} for n in range(6)]
    answers = [client.post("/feedback", json=each, **with_key("shop")) for each in said]
    reasons = [(answer.json or {}).get("reason") for answer in answers]
    assert reasons == [None, *["too_many_reports"] * 3, *["too_many_requests"] * 2]
