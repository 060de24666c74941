"""How often a client may ask: in memory, in a real Redis, and when that is away."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from flask.testing import FlaskClient

from model.errors import SettingsError
from service.protection.api_keys import Key, hash_of
from truegrain_rig.process import free_ports

Start = Callable[..., FlaskClient]
NEEDS_REDIS = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


@pytest.fixture(autouse=True)
def keys(give_keys: Callable[..., None]) -> None:
    shop = Key(name="shop", roles=("predict",), hashes=(hash_of("shop"),))
    give_keys(shop, Key(name="lab", roles=("predict",), hashes=(hash_of("lab"),), limit="3/hour"))


def granted(client: FlaskClient, **kwargs: object) -> int:
    """How many of ten requests are let through."""
    answers = [client.get("/model", **kwargs) for _ in range(10)]  # type: ignore[arg-type]
    return sum(answer.status_code != 429 for answer in answers)


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
