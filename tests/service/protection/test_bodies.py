"""The size of every body is bounded by its route."""

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.protection.bodies import BODIES, BODILESS, TEXT_BYTES

MB = 1_000_000
URLENCODED = "application/x-www-form-urlencoded"


def wide(keys: int) -> bytes:
    """Return a JSON object with so many unknown names."""
    return b"{" + b",".join(b'"%x":1' % number for number in range(keys)) + b"}"


def refused(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, (answer.json or {})["reason"]


def operations(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Return every method of every route whose requests may have a body."""
    for rule in client.application.url_map.iter_rules():
        yield from ((rule.rule, method) for method in (rule.methods or set()) - BODILESS)


def test_every_route_that_takes_a_body_declares_what_it_carries(client: FlaskClient) -> None:
    found = list(operations(client))
    assert len(found) >= 7
    assert {rule for rule, _ in found} == set(BODIES)


@pytest.mark.parametrize("chunked", [False, True])
def test_no_route_reads_more_than_its_bound(client: FlaskClient, publish: Callable[..., object], chunked: bool) -> None:
    """Of a body of 20 MB, a route reads at most the largest image (here 200 kB), and most routes read 16 kB."""
    publish("1")
    client.application.extensions["truegrain"].store.refresh()
    sent = {"headers": {"Transfer-Encoding": "chunked"}} if chunked else {"content_length": 20 * MB}
    for rule, method in [*operations(client), ("/model", "GET"), ("/healthz", "GET")]:
        for kind in ("image/jpeg", "application/json", "text/plain", URLENCODED, "multipart/form-data; boundary=x"):
            body = io.BytesIO(bytes(20 * MB))
            terminated = {"wsgi.input_terminated": chunked}
            path = rule.replace("<report_id>", "0" * 32)
            answer = client.open(
                path,
                method=method,
                input_stream=body,
                content_type=kind,
                environ_overrides=terminated,
                **sent,  # type: ignore[arg-type]
            )
            swallowed = 4 * MB if chunked else 0  # read and discarded, so that the sender can read the answer
            assert body.tell() <= 4 * 300_000 + swallowed, (rule, kind)
            assert answer.status_code < 500, (rule, kind)


@pytest.mark.parametrize("path", ["/feedback", "/receipts/verify"])
def test_a_million_names_are_refused_unread(client: FlaskClient, path: str) -> None:
    body = wide(1_000_000)
    assert len(body) > 9 * MB
    tracemalloc.start()
    begun = process_time()
    answer = client.post(path, data=body, content_type="application/json")
    seconds = process_time() - begun
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    status, reason = refused(answer)
    if path == "/feedback":
        assert (status, reason) == (413, "too_many_bytes")
        assert f"{TEXT_BYTES:,} bytes" in answer.text
    else:
        assert (status, reason) == (409, "receipts_off"), "it did not even look"
    assert peak < 3 * MB
    assert seconds < 0.5


def test_the_first_unknown_name_is_named_and_no_other_looked_at(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "service.endpoints.feedback.Feedback.model_validate", lambda *_: pytest.fail("it was validated")
    )
    body = wide(1_500)
    assert len(body) <= TEXT_BYTES
    answer = client.post("/feedback", data=body, content_type="application/json")
    assert refused(answer) == (400, "bad_request")
    assert "0: there is no such field; send JSON such as" in answer.text
    form = {f"name-{number}": "x" for number in range(900)}
    answer = client.post("/feedback", data=form, content_type="multipart/form-data")
    assert refused(answer) == (400, "bad_request")
    assert "name-0: there is no such field" in answer.text


def test_a_report_in_a_form_for_no_file_is_refused_unread(client: FlaskClient) -> None:
    body = io.BytesIO(b"&".join([b"a"] * 7 * MB))
    answer = client.post("/feedback", input_stream=body, content_length=14 * MB, content_type=URLENCODED)
    assert refused(answer) == (415, "unsupported_content_type")
    assert f"'{URLENCODED}' carries no report; send JSON" in answer.text
    assert body.tell() == 0


def test_the_longest_report_there_is_fits(client: FlaskClient) -> None:
    comment = "\N{GRINNING FACE}" * 500
    longest: dict[str, Any] = {"prediction_id": "0" * 64, "label": "real", "comment": comment, "consent": True}
    body = json.dumps(longest, indent=4)
    assert refused(client.post("/feedback", data=body, content_type="application/json")) == (404, "unknown_prediction")


def test_a_report_may_have_the_largest_image_with_it(client: FlaskClient) -> None:
    def send(size: int) -> TestResponse:
        form = {"prediction_id": "0" * 32, "label": "real", "file": (io.BytesIO(bytes(size)), "x.jpg")}
        return client.post("/feedback", data=form)

    assert refused(send(200_000)) == (404, "unknown_prediction")
    assert refused(send(300_000)) == (413, "too_many_bytes")
