"""Only the maker of a report can replace or withdraw it, and only a verdict's own client can store its image."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from upath import UPath
from werkzeug.test import TestResponse

from model.dataset.lake import Lake
from model.feedback.reports import ANONYMOUS, list_ids, path_of, read_report, read_statements, write_report
from model.settings import Settings
from model.sources.reports import ACCEPTED
from service.answers.receipts import make_key
from service.protection.api_keys import Key, Role, hash_of

Ask = Callable[..., TestResponse]
Draw = Callable[..., bytes]

ROLES: dict[str, tuple[Role, ...]] = dict.fromkeys(("alice", "mallory"), ("predict", "feedback"))


@pytest.fixture
def lake(home: Path) -> UPath:
    return Lake(Settings(home=home).lake_url).root


@pytest.fixture
def guarded(
    publish: Callable[..., object],
    give_keys: Callable[..., None],
    start_client: Callable[..., FlaskClient],
    tmp_path: Path,
) -> FlaskClient:
    """A service that signs receipts, with keys for alice, mallory and an admin."""
    publish("1")
    roles = ROLES | {"root": ("admin",)}
    give_keys(*(Key(name=name, roles=held, hashes=(hash_of(name),)) for name, held in roles.items()))
    make_key(tmp_path / "receipts.pem")
    client = start_client(receipt_key=str(tmp_path / "receipts.pem"))
    client.application.extensions["truegrain"].store.refresh()
    return client


@pytest.fixture
def judge(guarded: FlaskClient, wait_until: Callable[..., None]) -> Callable[..., dict[str, Any]]:
    """`judge(image, by="alice")` gets a verdict with a receipt, and waits until the verdict is logged."""

    def predict(image: bytes, *, by: str | None) -> dict[str, Any]:
        sent = {"data": image, "content_type": "image/jpeg"}
        answer = guarded.post("/predict?receipt=true", **sent, headers=key_of(by)).json
        assert answer is not None
        log = guarded.application.extensions["truegrain"].predictions
        wait_until(lambda: log.find(answer["id"]), what="the prediction to be remembered")
        return dict(answer)

    return predict


Judge = Callable[..., dict[str, Any]]


def key_of(name: str | None, **headers: str) -> dict[str, str]:
    return ({} if name is None else {"X-API-Key": name}) | headers


def report(
    client: FlaskClient, id_: str, label: str, *, by: str | None, token: str | None = None, image: bytes | None = None
) -> TestResponse:
    form: dict[str, Any] = {"prediction_id": id_, "label": label}
    if image is not None:
        form |= {"consent": "true", "file": (io.BytesIO(image), "x.jpg")}
    return client.post("/feedback", data=form, headers=licence(by, token), content_type="multipart/form-data")


def withdraw(client: FlaskClient, id_: str, *, by: str | None, token: str | None = None) -> TestResponse:
    return client.delete(f"/feedback/{id_}", headers=licence(by, token))


def licence(by: str | None, token: str | None) -> dict[str, str]:
    return key_of(by) if token is None else key_of(by, **{"X-Report-Token": token})


def said(lake: UPath) -> set[tuple[str, str, bool]]:
    return {(each.client, each.label, each.kept) for each in read_statements(lake)}


def refused(answer: TestResponse, status: int, reason: str) -> bool:
    return (answer.status_code, (answer.json or {}).get("reason")) == (status, reason)


def test_who_is_shown_a_receipt_learns_no_id_that_anything_can_be_done_with(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath
) -> None:
    image = draw(240)
    verdict = judge(image, by="alice")
    assert report(guarded, verdict["id"], "real", by="alice", image=image).status_code == 200
    shown = guarded.post("/receipts/verify", json={"receipt": verdict["receipt"]}).json
    payload = verdict["receipt"].split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert shown is not None
    for id_ in (shown["statement"]["id"], decoded["id"]):
        assert refused(report(guarded, id_, "ai", by="mallory"), 404, "unknown_prediction")
        assert refused(withdraw(guarded, id_, by="mallory"), 404, "unknown_report")
    assert verdict["id"] not in json.dumps([shown, decoded])
    assert said(lake) == {("alice", "real", True)}


@pytest.mark.parametrize("other", ["mallory", None])
def test_whoever_knows_the_id_can_neither_replace_nor_withdraw_the_report_of_a_key(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath, other: str | None
) -> None:
    image = draw(240)
    id_ = judge(image, by="alice")["id"]
    report(guarded, id_, "real", by="alice", image=image)
    assert withdraw(guarded, id_, by=other).status_code == 404
    assert report(guarded, id_, "ai", by=other).status_code == 200
    assert said(lake) == {("alice", "real", True), (other or ANONYMOUS, "ai", False)}


@pytest.mark.parametrize("other", ["mallory", None])
def test_consent_to_keep_an_image_is_of_who_got_the_verdict_alone(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath, other: str | None
) -> None:
    image = draw(240)
    id_ = judge(image, by="alice")["id"]
    assert refused(report(guarded, id_, "ai", by=other, image=image), 403, "not_your_verdict")
    assert said(lake) == set()
    assert report(guarded, id_, "ai", by="alice", image=image).status_code == 200
    assert said(lake) == {("alice", "ai", True)}


def test_a_key_gives_no_image_of_a_verdict_that_nobody_s_key_asked_for(
    guarded: FlaskClient, judge: Judge, draw: Draw
) -> None:
    image = draw(240)
    id_ = judge(image, by=None)["id"]
    assert refused(report(guarded, id_, "ai", by="mallory", image=image), 403, "not_your_verdict")
    assert report(guarded, id_, "ai", by=None, image=image).status_code == 200


def test_without_a_key_the_token_of_the_report_is_the_licence_to_change_it(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath
) -> None:
    image = draw(240)
    id_ = judge(image, by=None)["id"]
    answer = report(guarded, id_, "real", by=None, image=image).json
    assert answer is not None
    token = answer["report_token"]
    assert len(base64.urlsafe_b64decode(token + "=")) >= 16
    for wrong in (None, "", "A" * 43, token[:-1]):
        assert refused(report(guarded, id_, "ai", by=None, token=wrong), 403, "not_your_report")
        assert refused(withdraw(guarded, id_, by=None, token=wrong), 403, "not_your_report")
    assert withdraw(guarded, id_, by="mallory", token=token).status_code == 404, "a key is not who holds the token"
    assert said(lake) == {(ANONYMOUS, "real", True)}
    again = report(guarded, id_, "ai", by=None, token=token).json
    assert again is not None
    assert again["report_token"] == token
    assert said(lake) == {(ANONYMOUS, "ai", False)}
    assert withdraw(guarded, id_, by=None, token=token).status_code == 200
    assert said(lake) == set()


def test_the_lake_holds_nothing_by_which_a_token_could_be_sent(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath
) -> None:
    answer = report(guarded, judge(draw(240), by=None)["id"], "real", by=None).json
    assert answer is not None
    (name,) = list_ids(lake)
    assert answer["report_token"] not in str(read_report(lake, name))


def test_a_key_needs_no_token_and_gets_none(guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath) -> None:
    id_ = judge(draw(240), by="alice")["id"]
    for label in ("real", "ai"):
        answer = report(guarded, id_, label, by="alice").json
        assert answer is not None
        assert answer["report_token"] is None
    assert said(lake) == {("alice", "ai", False)}
    assert withdraw(guarded, id_, by="alice").status_code == 200
    assert said(lake) == set()


def test_an_admin_withdraws_the_report_of_anybody_but_the_own_one_first(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath
) -> None:
    id_ = judge(draw(240), by=None)["id"]
    for by in ("alice", "mallory", None, "root"):
        report(guarded, id_, "real", by=by)
    assert withdraw(guarded, id_, by="root").status_code == 200
    assert {client for client, _, _ in said(lake)} == {"alice", "mallory", ANONYMOUS}
    (of_alice,) = (name for name in list_ids(lake) if (read_report(lake, name) or {})["client"] == "alice")
    assert withdraw(guarded, of_alice, by="mallory").status_code == 404
    assert withdraw(guarded, of_alice, by="root").status_code == 200
    assert {client for client, _, _ in said(lake)} == {"mallory", ANONYMOUS}
    assert withdraw(guarded, id_, by="root").status_code == 200
    assert said(lake) == set()


def earlier_release(lake: UPath, id_: str, client: str, **about: object) -> None:
    """Write a report as releases without tokens did: named by the id of the prediction, without an owner."""
    (name,) = list_ids(lake)
    report = read_report(lake, name)
    assert report is not None
    path_of(lake, name).unlink()
    write_report(lake, id_, report | {"client": client, "owner": None} | about)


def test_a_report_of_an_earlier_release_belongs_to_the_key_that_made_it(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath
) -> None:
    id_ = judge(draw(240), by="alice")["id"]
    report(guarded, id_, "real", by="alice")
    earlier_release(lake, id_, "alice")
    assert withdraw(guarded, id_, by="mallory").status_code == 404
    assert report(guarded, id_, "ai", by="mallory").status_code == 200
    assert report(guarded, id_, "ai", by="alice").status_code == 200
    assert said(lake) == {("alice", "ai", False), ("mallory", "ai", False)}
    assert withdraw(guarded, id_, by="alice").status_code == 200
    assert said(lake) == {("mallory", "ai", False)}


def test_a_report_of_an_earlier_release_without_a_key_is_changed_by_an_admin_alone(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath
) -> None:
    id_ = judge(draw(240), by=None)["id"]
    report(guarded, id_, "real", by=None)
    earlier_release(lake, id_, ANONYMOUS)
    assert refused(report(guarded, id_, "ai", by=None), 403, "not_your_report")
    assert refused(withdraw(guarded, id_, by=None, token="A" * 43), 403, "not_your_report")
    assert withdraw(guarded, id_, by="mallory").status_code == 404
    assert said(lake) == {(ANONYMOUS, "real", False)}
    assert withdraw(guarded, id_, by="root").status_code == 200


def test_nobody_keeps_the_image_of_another_out_by_an_accepted_report(
    guarded: FlaskClient, judge: Judge, draw: Draw, lake: UPath
) -> None:
    image = draw(240)
    id_ = judge(image, by="alice")["id"]
    report(guarded, id_, "real", by="alice", image=image)
    (name,) = list_ids(lake)
    write_report(lake, name, (read_report(lake, name) or {}) | {"review": ACCEPTED})
    for by in ("mallory", None):
        assert withdraw(guarded, id_, by=by).status_code == 404
    assert not (lake / "tombstones.parquet").exists()


def test_under_gunicorn_a_token_is_good_for_every_worker_and_nobody_does_without(
    publish: Callable[..., object], serve: Callable[..., Any], draw: Draw, wait_until: Callable[..., None], lake: UPath
) -> None:
    publish("1")
    service = serve()
    service.await_version("1")
    id_ = service.predict(draw(240)).json()["id"]

    def tell(label: str, token: str | None = None) -> requests.Response:
        fields = {"prediction_id": id_, "label": label}
        return requests.post(f"{service.url}/feedback", json=fields, headers=licence(None, token), timeout=30)

    wait_until(lambda: tell("real").status_code != 404, what="the prediction to be remembered")
    (name,) = list_ids(lake)
    assert [tell("ai").status_code for _ in range(6)] == [403] * 6
    path_of(lake, name).unlink()
    token = tell("real").json()["report_token"]
    assert {tell(label, token).status_code for label in ("ai", "real") * 3} == {200}
    address = f"{service.url}/feedback/{id_}"
    assert [requests.delete(address, timeout=30).status_code for _ in range(4)] == [403] * 4
    assert requests.delete(address, headers=licence(None, token), timeout=30).status_code == 200
    assert list_ids(lake) == []
