"""POST /predict/batch: every image gets its own answer."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from service.protection.bodies import BATCH_WEIGHT, MULTIPART_OVERHEAD
from service.protection.uploads import LONGEST_NAME, MOST_FILES

Draw = Callable[..., bytes]
Metric = Callable[..., float]


@pytest.fixture(autouse=True)
def version_4(publish: Callable[..., object]) -> None:
    publish("4")


def send(client: FlaskClient, images: list[bytes], field: str = "files", **kwargs: Any) -> TestResponse:
    # Encoded here, since Werkzeug's client would leave a temporary file open for a large form.
    boundary, body = encode_multipart(
        MultiDict((field, FileStorage(io.BytesIO(image), f"{number}.jpg")) for number, image in enumerate(images))
    )
    return client.post("/predict/batch", data=body, content_type=f"multipart/form-data; boundary={boundary}", **kwargs)


def items(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return list(answer.json["items"])


def reason(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    return answer.status_code, answer.json["reason"]


def test_each_image_gets_the_verdict_it_gets_alone(client: FlaskClient, draw: Draw) -> None:
    images = [draw(brightness) for brightness in (230, 20, 128)]
    together = items(send(client, images))
    assert [item["name"] for item in together] == ["0.jpg", "1.jpg", "2.jpg"]
    for item, image in zip(together, images, strict=True):
        alone = client.post("/predict", data=image, content_type="image/jpeg").json
        assert alone is not None
        assert item["verdict"]["probability"] == pytest.approx(alone["probability"], abs=1e-6)
        for fact in ("decision", "label", "model", "image", "threshold"):
            assert item["verdict"][fact] == alone[fact]


def test_the_verdicts_of_a_batch_share_the_request_and_have_ids_of_their_own(client: FlaskClient, draw: Draw) -> None:
    answer = send(client, [draw()] * 3, headers={"X-Request-ID": "mine"})
    verdicts = [item["verdict"] for item in items(answer)]
    assert {verdict["request_id"] for verdict in verdicts} == {"mine"}
    assert len({verdict["id"] for verdict in verdicts}) == 3


def test_what_cannot_be_judged_has_a_problem_and_spoils_no_other(client: FlaskClient, draw: Draw) -> None:
    answer = send(client, [draw(), b"", draw(size=(200, 200))[:-2000], b"%PDF-1.7", draw() + bytes(200_000), draw()])
    first, *refused, last = items(answer)
    assert first["verdict"]["decision"] == last["verdict"]["decision"] == "ai"
    assert [item["problem"]["reason"] for item in refused] == [
        "empty",
        "broken",
        "format_not_allowed",
        "too_many_bytes",
    ]
    assert [item["problem"]["status"] for item in refused] == [400, 422, 415, 413]
    assert all(item["problem"]["request_id"] == answer.headers["X-Request-ID"] for item in refused)
    assert all("verdict" not in item for item in refused)


def test_a_batch_of_nothing_but_problems_is_still_answered(client: FlaskClient) -> None:
    (item,) = items(send(client, [b"no image"]))
    assert item["problem"]["reason"] == "not_an_image"


def test_a_full_batch_is_judged_and_one_image_more_refused(client: FlaskClient, draw: Draw) -> None:
    image = draw(size=(16, 16))
    assert len(items(send(client, [image] * MOST_FILES))) == 64
    answer = send(client, [image] * (MOST_FILES + 1))
    assert reason(answer) == (400, "too_many_files")
    assert "65 files; send 1 to 64" in answer.text


def test_a_batch_may_weigh_more_than_one_image_but_not_without_end(client: FlaskClient, draw: Draw) -> None:
    largest = draw() + bytes(200_000 - len(draw()))
    assert len(items(send(client, [largest] * BATCH_WEIGHT))) == BATCH_WEIGHT
    answer = send(client, [largest] * BATCH_WEIGHT + [bytes(MULTIPART_OVERHEAD)])
    assert reason(answer) == (413, "too_many_bytes")
    assert "800,000" in answer.text


def test_a_request_without_files_is_told_how_to_send_them(client: FlaskClient, draw: Draw) -> None:
    wrong_field = send(client, [draw()], field="file")
    assert reason(wrong_field) == (400, "missing_file")
    assert "'files'" in wrong_field.text and "'file'" in wrong_field.text
    raw = client.post("/predict/batch", data=draw(), content_type="image/jpeg")
    assert reason(raw) == (415, "unsupported_content_type")
    assert "'files'" in raw.text
    text = client.post("/predict/batch", data={"files": "one.jpg"}, content_type="multipart/form-data")
    assert reason(text) == (400, "missing_file")
    assert "-F files=@" in text.text


def test_a_few_bytes_do_not_hold_the_turn_for_seconds(
    start_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four one-colour pictures of 50 megapixels each, in 152 bytes, took nine seconds of a core."""
    file = io.BytesIO()
    Image.new("RGB", (7_070, 7_070), "red").save(file, "WEBP", lossless=True, method=0)
    assert len(file.getvalue()) < 100
    monkeypatch.setattr("service.verdicts.image_views.load", lambda _: pytest.fail("pixels were decoded"))
    refused = items(send(start_client(), [file.getvalue()] * 4, query_string="stability=true"))
    assert [item["problem"]["reason"] for item in refused] == ["too_many_pixels"] * 4
    assert "at most 1,000 pixels a byte" in refused[0]["problem"]["detail"]


def test_options_hold_for_every_image(client: FlaskClient, draw: Draw) -> None:
    data = {"files": [(io.BytesIO(draw(165)), "a.jpg"), (io.BytesIO(draw(20)), "b.jpg")]}
    first, second = items(client.post("/predict/batch?max_fpr=0.01&stability=true", data=data))
    assert (first["verdict"]["decision"], second["verdict"]["decision"]) == ("unsure", "real")
    assert {item["verdict"]["operating_point"] for item in (first, second)} == {"0.01"}
    assert {item["verdict"]["stability"] for item in (first, second)} == {1}


def test_a_batch_is_counted_image_by_image(client: FlaskClient, draw: Draw, metric: Metric) -> None:
    send(client, [draw(230), draw(20), b"", b"no image", b""])
    assert metric("truegrain_batch_images_count") == 1
    assert metric("truegrain_batch_images_sum") == 5
    assert metric("truegrain_batch_items_total", outcome="verdict") == 2
    assert metric("truegrain_batch_items_total", outcome="empty") == 2
    assert metric("truegrain_batch_items_total", outcome="not_an_image") == 1
    assert metric("truegrain_predictions_total", decision="ai") == 1
    assert metric("truegrain_probability_count") == 2


def test_the_log_sums_a_batch_up_in_one_line(client: FlaskClient, draw: Draw) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        send(client, [draw(230), draw(20), draw(21), b""])
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["version"], line["decisions"]) == ("4", {"ai": 1, "real": 2})


def test_an_endless_name_is_not_repeated(client: FlaskClient, draw: Draw) -> None:
    form = {"files": (io.BytesIO(draw()), "a" * 50_000)}
    [item] = items(client.post("/predict/batch", data=form))
    assert item["name"] == "a" * LONGEST_NAME


def test_what_a_file_says_of_itself_is_read_while_its_client_has_the_turn(
    client: FlaskClient, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = client.application.extensions["truegrain"].queue
    computing: list[object] = []
    monkeypatch.setattr(
        "service.verdicts.image_views.read_provenance", lambda *_, **__: computing.append(queue._computing) or ()
    )
    items(send(client, [draw(), draw(20)]))
    assert None not in computing
    assert len(computing) == 2
