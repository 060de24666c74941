"""Users' reports of what an image is: stored for a review, replaced, withdrawn, never trained on without a review."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from model.dataset.kept_out import REPORTED
from model.dataset.lake import Lake
from model.dataset.tombstones import read_tombstones
from model.errors import SourceError, StorageFull
from model.feedback.reporters import VotingLimits
from model.feedback.review import settle
from model.monitoring.predictions import add, prepare
from model.processes import locked
from model.settings import Settings
from model.sources.kinds import read_source
from model.sources.reports import ACCEPTED, CONFIRMED, REJECTED
from service.protection.api_keys import Key, hash_of
from support.monitoring import predict

Draw = Callable[..., bytes]
Judge = Callable[..., str]
Licence = dict[str, str] | None

REQUEST = {"prediction_id": "0" * 32, "label": "real"}


@pytest.fixture
def judge(client: FlaskClient, publish: Callable[..., object], wait_until: Callable[..., None]) -> Judge:
    """`judge(image)` gets a verdict, with or without a key, waits until it is logged, and returns its id."""
    publish("1")
    shared = client.application.extensions["truegrain"]
    shared.store.refresh()

    def predict(image: bytes, key: str | None = None) -> str:
        headers = {"X-API-Key": key} if key else {}
        answer = client.post("/predict", data=image, content_type="image/jpeg", headers=headers).json
        assert answer is not None
        wait_until(lambda: shared.predictions.find(answer["id"]), what="the prediction to be remembered")
        return str(answer["id"])

    return predict


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake(Settings(home=home).lake_url)


def report(client: FlaskClient, prediction: str, label: str = "real", *, of: Licence = None, **fields: Any) -> Any:
    return client.post("/feedback", json={"prediction_id": prediction, "label": label} | fields, headers=of)


def send_image(client: FlaskClient, prediction: str, image: bytes, **fields: str) -> TestResponse:
    form = {"prediction_id": prediction, "label": "real", "file": (io.BytesIO(image), "x.jpg")}
    return client.post("/feedback", data=form | fields)


def licence(answer: TestResponse) -> Licence:
    """Return the header that allows to change the report with this answer."""
    assert answer.json is not None
    return {"X-Report-Token": answer.json["report_token"]}


def kept(lake: Lake) -> list[dict[str, Any]]:
    return [row for path in (lake.root / "feedback").glob("*") for row in pq.read_table(path).to_pylist()]


def review(lake: Lake, verdict: str) -> None:
    """Review the only report."""
    (path,) = (lake.root / "feedback").glob("*")
    table = pq.read_table(path)
    column = table.schema.get_field_index("review")
    pq.write_table(table.set_column(column, "review", pa.array([verdict])), path)


def assert_problem(answer: TestResponse, status: int, reason: str, *words: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.json is not None
    assert answer.json["reason"] == reason
    for word in words:
        assert word in answer.json["detail"]


def test_a_report_waits_for_its_review_with_what_a_reviewer_wants_to_know(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake
) -> None:
    prediction = judge(draw(240))
    answer = dict(report(client, prediction, comment="I took it myself").json)
    assert answer.pop("report_token")
    assert answer == {"id": prediction, "label": "real", "image_kept": False}
    (row,) = kept(lake)
    assert (row["label"], row["review"], row["comment"], row["client"]) == (
        "real",
        None,
        "I took it myself",
        "anonymous",
    )
    assert (row["decision"], row["model_version"]) == ("ai", "1")


@pytest.mark.parametrize(
    ("consent", "is_kept"), [({}, False), ({"consent": "false"}, False), ({"consent": "true"}, True)]
)
def test_the_image_is_kept_only_with_consent(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake, consent: dict[str, str], is_kept: bool
) -> None:
    image = draw(240)
    answer = send_image(client, judge(image), image, **consent)
    assert answer.json is not None
    assert answer.json["image_kept"] is is_kept
    (row,) = kept(lake)
    assert row["image"]["bytes"] == (image if is_kept else None)


def test_only_what_was_accepted_is_read_as_a_source(client: FlaskClient, judge: Judge, draw: Draw, lake: Lake) -> None:
    image = draw(240)
    send_image(client, judge(image), image, consent="true")
    source = f"feedback:{lake.root / 'feedback'}"
    assert list(read_source(source)) == []
    review(lake, ACCEPTED)
    (read,) = read_source(source)
    assert (read.data, read.label, read.split) == (image, "real", "train")


def test_another_report_on_the_same_verdict_replaces_the_first(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake
) -> None:
    prediction = judge(draw(240))
    first = report(client, prediction, "real")
    second = report(client, prediction, "ai", of=licence(first))
    assert second.status_code == 200
    assert licence(second) == licence(first)
    assert [row["label"] for row in kept(lake)] == ["ai"]


@pytest.mark.parametrize("verdict", [ACCEPTED, REJECTED])
def test_a_report_that_was_reviewed_is_not_replaced(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake, verdict: str
) -> None:
    prediction = judge(draw(240))
    own = licence(report(client, prediction))
    review(lake, verdict)
    assert_problem(report(client, prediction, "ai", of=own), 409, "already_reviewed", "judged again")


def test_a_withdrawn_report_is_gone_with_its_image(client: FlaskClient, judge: Judge, draw: Draw, lake: Lake) -> None:
    image = draw(240)
    prediction = judge(image)
    own = licence(send_image(client, prediction, image, consent="true"))
    answer = client.delete(f"/feedback/{prediction}", headers=own)
    assert answer.json == {"id": prediction, "kept_out": False, "left": []}
    assert kept(lake) == []
    assert read_tombstones(lake).empty
    assert_problem(client.delete(f"/feedback/{prediction}", headers=own), 404, "unknown_report", prediction)


def test_who_withdraws_a_report_is_told_that_a_reviewer_may_see_its_image_for_a_day(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake
) -> None:
    image = draw(240)
    prediction = judge(image)
    own = licence(send_image(client, prediction, image, consent="true"))
    (lake.root / "feedback" / "review.html").write_text("the page")
    answer = client.delete(f"/feedback/{prediction}", headers=own).json
    assert answer is not None
    assert ["within a day" in sentence for sentence in answer["left"]] == [True]


def test_an_accepted_report_that_is_withdrawn_leaves_a_tombstone(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake
) -> None:
    image = draw(240)
    prediction = judge(image)
    own = licence(send_image(client, prediction, image, consent="true"))
    (row,) = kept(lake)
    review(lake, ACCEPTED)
    answer = client.delete(f"/feedback/{prediction}", headers=own).json
    assert answer is not None
    assert (answer["kept_out"], len(answer["left"])) == (True, 3)
    (left,) = kept(lake)
    assert (left["image"]["bytes"], left["comment"], left["review"], left["withdrawn"]) == (None, "", CONFIRMED, True)
    assert_problem(client.delete(f"/feedback/{prediction}", headers=own), 404, "unknown_report")
    assert_problem(report(client, prediction, "ai", of=own), 409, "already_reviewed")
    (stone,) = read_tombstones(lake).to_dict("records")
    assert (stone["sha256"], stone["scope"], stone["erase"]) == (row["image_sha256"], REPORTED, True)


def test_three_keys_that_agree_are_believed_and_one_alone_is_not(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake, home: Path, give_keys: Callable[..., None]
) -> None:
    """Each key reports on its own verdict, the first key ten times."""
    image, settings = draw(240), Settings(home=home)
    names = ("ada", "bob", "cyd")
    give_keys(*(Key(name=name, roles=("predict", "feedback"), hashes=(hash_of(name),)) for name in names))

    def report_as(name: str) -> str:
        prediction = judge(image, name)
        form = {"prediction_id": prediction, "label": "real", "consent": "true", "file": (io.BytesIO(image), "x.jpg")}
        answer = client.post("/feedback", data=form, headers={"X-API-Key": name})
        assert answer.status_code == 200
        return prediction

    def settled() -> int:
        influence = VotingLimits.of(settings)
        return settle(lake, influence=influence, lock=settings.reports_lock, now=datetime.now(UTC)).accepted

    for name in (*["ada"] * 10, "bob"):
        report_as(name)
    assert settled() == 0
    last = report_as("cyd")
    assert settled() == 1
    assert {row["client"] for row in kept(lake) if row["review"] == ACCEPTED} == set(names)
    answer = client.delete(f"/feedback/{last}", headers={"X-API-Key": "cyd"}).json
    assert answer is not None
    assert answer["kept_out"] is True


@pytest.mark.parametrize("name", ["0" * 32, "never", "..%5Ctombstones", "%00"])
def test_a_report_that_never_was_cannot_be_withdrawn(client: FlaskClient, name: str) -> None:
    assert_problem(client.delete(f"/feedback/{name}"), 404, "unknown_report")


@pytest.mark.parametrize("prediction", ["0" * 32, "never", "'; drop table predictions", "\0"])
def test_a_prediction_that_never_was_cannot_be_reported_on(client: FlaskClient, prediction: str) -> None:
    assert_problem(report(client, prediction), 404, "unknown_prediction", "of the last 30 days has no prediction")


def test_a_prediction_that_is_too_old_cannot_be_reported_on(client: FlaskClient) -> None:
    log = client.application.extensions["truegrain"].predictions
    old = predict(1, days_ago=31)
    prepare(log._engine)
    add(log._engine, [old])
    assert_problem(report(client, old.id), 404, "unknown_prediction")


def test_another_image_than_that_of_the_prediction_is_refused(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake
) -> None:
    answer = send_image(client, judge(draw(240)), draw(239), consent="true")
    assert_problem(answer, 422, "other_image", "SHA-256")
    assert kept(lake) == []


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"label": "cat"}, "label"),
        ({"comment": "x" * 501}, "comment"),
        ({"consent": "perhaps"}, "consent"),
        ({"verdict": "wrong"}, "verdict"),
        ({"prediction_id": 7}, "prediction_id"),
    ],
)
def test_a_field_that_is_not_allowed_is_named(client: FlaskClient, fields: dict[str, Any], word: str) -> None:
    assert_problem(client.post("/feedback", json=REQUEST | fields), 400, "bad_request", word, "prediction_id")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"label": "\\ud800"}', b"\xff"])
def test_a_body_that_is_no_report_is_refused(client: FlaskClient, body: bytes) -> None:
    assert_problem(client.post("/feedback", data=body, content_type="application/json"), 400, "bad_request", "JSON")


def test_a_form_of_too_many_parts_is_refused(client: FlaskClient) -> None:
    form = REQUEST | {f"field-{number}": "x" for number in range(1_500)}
    answer = client.post("/feedback", data=form, content_type="multipart/form-data")
    assert answer.json is not None
    assert answer.json["reason"] == "too_many_parts"


@pytest.mark.parametrize(
    "error", [OperationalError("select", {}, Exception("it is away")), PermissionError("no folder can be made")]
)
def test_without_the_prediction_log_the_client_is_told_to_come_back(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("model.monitoring.predictions.find", fail)
    answer = report(client, "0" * 32)
    assert_problem(answer, 503, "log_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StorageFull("no room for /data/lake"), ["the disk is full"]),
        (SourceError("damaged"), ["damaged", "log"]),
        (ConnectionError("s3 is away"), ["cannot be reached"]),
    ],
)
def test_what_keeps_the_lake_from_taking_a_report_is_a_problem_that_says_so(
    client: FlaskClient,
    judge: Judge,
    draw: Draw,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    words: list[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    prediction = judge(draw(240))
    monkeypatch.setattr("service.records.reports.write_report", fail)
    answer = report(client, prediction)
    assert_problem(answer, 503, "reports_unavailable", *words)
    assert "/data" not in answer.text


def test_a_damaged_report_can_be_neither_replaced_nor_withdrawn(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake
) -> None:
    prediction = judge(draw(240))
    report(client, prediction)
    (path,) = (lake.root / "feedback").glob("*")
    path.write_bytes(b"PAR1")
    assert_problem(report(client, prediction, "ai"), 503, "reports_unavailable", "damaged")
    assert_problem(client.delete(f"/feedback/{prediction}"), 503, "reports_unavailable", "damaged")


def test_who_waits_too_long_for_others_who_change_reports_is_told_to_come_back(
    client: FlaskClient, judge: Judge, draw: Draw, home: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = judge(draw(240))
    monkeypatch.setattr("service.records.reports.locked", partial(locked, seconds=0))
    with locked(Settings(home=home).reports_lock):
        answers = [report(client, prediction), client.delete(f"/feedback/{prediction}")]
    for answer in answers:
        assert_problem(answer, 503, "reports_unavailable", "in a few seconds")
    assert kept(lake) == []


def test_the_service_reads_no_batch_to_withdraw_an_accepted_report(
    client: FlaskClient, judge: Judge, draw: Draw, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = judge(draw(240))
    own = licence(report(client, prediction))
    review(lake, ACCEPTED)

    def scan(*_: object) -> Iterator[pa.RecordBatch]:
        raise AssertionError("the whole lake is read in a request")

    monkeypatch.setattr(Lake, "scan", scan)
    answer = client.delete(f"/feedback/{prediction}", headers=own).json
    assert answer is not None
    assert answer["kept_out"] is True


def test_reports_are_counted_by_what_was_decided(
    client: FlaskClient, judge: Judge, draw: Draw, metric: Callable[..., float]
) -> None:
    report(client, judge(draw(240)), "real")
    report(client, judge(draw(20)), "real")
    assert metric("truegrain_feedback_total", label="real", decision="ai") == 1
    assert metric("truegrain_feedback_total", label="real", decision="real") == 1
