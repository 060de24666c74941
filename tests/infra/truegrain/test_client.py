"""The Python client against a real service, and against servers that are none."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from service.answers.batch import JudgedItem, RefusedItem
from service.answers.problems import MEDIA_TYPE, Problem
from service.answers.verdict import EXAMPLE_VERDICT
from service.keys import write
from service.protection.api_keys import Key, KeyFile, hash_of
from truegrain.client import Client, NoAnswer, Options, Refused
from truegrain_rig.process import free_ports
from truegrain_rig.served import serving
from truegrain_rig.tiny_detector import write_tiny

Picture = Callable[..., bytes]
SECRET = "tg_" + "k" * 43


@pytest.fixture
def client(service: str) -> Iterator[Client]:
    with Client(service) as client:
        yield client


def busy(retry_after: str) -> dict[str, object]:
    problem = Problem.of("overloaded", "too many requests wait", request_id="1")
    headers = {"Content-Type": MEDIA_TYPE} | ({"Retry-After": retry_after} if retry_after else {})
    return {"response_data": problem.model_dump_json(), "status": 503, "headers": headers}


def test_a_picture_gets_a_verdict_from_its_bytes_or_its_path(client: Client, picture: Picture, tmp_path: Path) -> None:
    file = tmp_path / "dark.png"
    file.write_bytes(picture(20))
    assert client.predict(picture(230)).decision == "ai"
    assert client.predict(file).decision == "real"


def test_the_options_reach_the_service(client: Client, picture: Picture) -> None:
    verdict = client.predict(picture(230), Options(max_fpr="0.01", stability=True, receipt=True))
    assert (verdict.operating_point, verdict.threshold, verdict.stability) == ("0.01", 0.9, 1.0)
    assert verdict.receipt
    assert verdict.receipt.count(".") == 2
    plain = client.predict(picture(230))
    assert (plain.operating_point, plain.stability, plain.receipt) == (None, None, None)


def test_a_batch_has_a_verdict_or_a_problem_for_each_picture_in_order(client: Client, picture: Picture) -> None:
    judged, refused, other = client.predict_batch([picture(230), b"no picture", picture(20)])
    assert isinstance(judged, JudgedItem)
    assert judged.verdict.decision == "ai"
    assert isinstance(refused, RefusedItem)
    assert refused.problem.reason == "not_an_image"
    assert isinstance(other, JudgedItem)
    assert other.verdict.decision == "real"


@pytest.mark.parametrize(
    ("image", "options", "reason"),
    [
        (b"", Options(), "empty"),
        (b"no picture", Options(), "not_an_image"),
        (bytes(400_000), Options(), "too_many_bytes"),
        (b"\xff\xd8\xff", Options(max_fpr="0.3"), "unknown_operating_point"),
    ],
)
def test_a_refusal_carries_the_problem(client: Client, image: bytes, options: Options, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        client.predict(image, options)
    assert refused.value.problem.reason == reason
    assert refused.value.problem.request_id in str(refused.value)


def test_a_key_is_sent_and_the_asked_delay_is_kept_when_its_units_are_spent(tmp_path: Path, picture: Picture) -> None:
    key = Key(name="shop", roles=("predict",), hashes=(hash_of(SECRET),), limit="2/3 second")
    write(KeyFile(keys=(key,)), tmp_path / "keys.json")
    settings = {"api_keys": tmp_path / "keys.json", "require_auth": True}
    with serving(write_tiny(tmp_path / "tiny"), workers=1, **settings) as service:
        with Client(service.url) as stranger, pytest.raises(Refused, match="An API key is needed"):
            stranger.predict(picture(230))
        pauses: list[float] = []
        with Client(service.url, key=SECRET, on_pause=pauses.append) as client:
            assert [client.predict(picture(230)).decision for _ in range(4)] == ["ai"] * 4
        assert sum(pauses) >= 1
        with Client(service.url, key=SECRET, patience=0.5) as hasty, pytest.raises(Refused, match="Too many requests"):
            for _ in range(4):
                hasty.predict(picture(230))


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
def test_a_busy_service_is_asked_again_when_it_said(httpserver: HTTPServer, form: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    asked = {"seconds": "1", "date": date, "none": ""}[form]
    httpserver.expect_ordered_request("/predict", method="POST").respond_with_data(**busy(asked))
    verdict = EXAMPLE_VERDICT.model_dump_json()
    httpserver.expect_ordered_request("/predict").respond_with_data(verdict, content_type="application/json")
    pauses: list[float] = []
    with Client(httpserver.url_for("/"), on_pause=pauses.append) as client:
        assert client.predict(b"picture") == EXAMPLE_VERDICT
    assert len(pauses) == 1
    assert 1 <= pauses[0] <= 2


def test_a_wait_beyond_the_patience_is_not_begun(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/predict").respond_with_data(**busy("3600"))
    with Client(httpserver.url_for("/")) as client, pytest.raises(Refused, match="too many requests wait"):
        client.predict(b"picture")
    assert len(httpserver.log) == 1


def test_a_newer_service_may_say_more(httpserver: HTTPServer) -> None:
    answer = EXAMPLE_VERDICT.model_dump(mode="json") | {"mood": "calm"}
    httpserver.expect_request("/predict").respond_with_json(answer)
    with Client(httpserver.url_for("/")) as client:
        assert client.predict(b"picture") == EXAMPLE_VERDICT


def test_whatever_is_no_service_is_named(httpserver: HTTPServer) -> None:
    elsewhere = {"Location": "https://pictures.example/predict"}
    for answer, words in (
        ({"response_data": "<h1>It works</h1>"}, "words that this client does not know"),
        ({"response_data": "gone", "status": 404}, "status 404, which is no answer of Truegrain"),
        ({"status": 308, "headers": elsewhere}, "leads to https://pictures.example/predict: use that address"),
    ):
        httpserver.clear()
        httpserver.expect_request("/predict").respond_with_data(**answer)
        with Client(httpserver.url_for("/")) as client, pytest.raises(NoAnswer, match=words):
            client.predict(b"picture")


def test_a_proxy_that_refuses_a_large_file_refuses_that_file_alone(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/predict").respond_with_data("<h1>413</h1>", status=413, content_type="text/html")
    with (
        Client(httpserver.url_for("/")) as client,
        pytest.raises(Refused, match="a proxy before the service") as refused,
    ):
        client.predict(b"picture")
    assert refused.value.problem.reason == "too_many_bytes"


def test_an_address_where_nobody_listens_is_named_with_the_cause() -> None:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with Client(url) as client, pytest.raises(NoAnswer, match=f"{url} does not answer .*refused"):
        client.predict(b"picture")
    with Client("nonsense") as client, pytest.raises(NoAnswer, match="No scheme supplied"):
        client.predict(b"picture")
    with Client("http://127.0.0.1:99999") as client, pytest.raises(NoAnswer, match="does not answer"):
        client.predict(b"picture")


def test_a_silent_service_is_given_up(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/predict").respond_with_handler(lambda _: time.sleep(1))
    with Client(httpserver.url_for("/"), timeout=0.2) as client, pytest.raises(NoAnswer, match="no answer in time"):
        client.predict(b"picture")
