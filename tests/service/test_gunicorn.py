"""The service as it runs: gunicorn with two workers, the follower and the monitor beside them, and real HTTP."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from model.detectors.signature import PrivateKey, sign
from service.protection.api_keys import Key, hash_of, make_secret
from service.status.pointer import pointer_path
from support.ordinary_traffic import draw_ordinary

Serve = Callable[..., Any]
Publish = Callable[..., Any]
Draw = Callable[..., bytes]

LARGE = 20_000_000


def test_requests_to_two_workers_add_up_exactly(
    serve: Serve, publish: Publish, draw: Draw, wait_until: Callable[..., None]
) -> None:
    publish("1")
    service = serve(queue=8, queue_seconds=30)
    wait_until(lambda: service.metric("truegrain_model_loads_total") == 2, what="a detector in each worker")
    images = [draw(230), draw(20)] * 30
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(service.predict, images))
    assert {answer.status_code for answer in answers} == {200}
    assert service.metric("truegrain_predictions_total", decision="ai") == 30
    assert service.metric("truegrain_predictions_total", decision="real") == 30
    # Measurements, unlike counts, are added every half second.
    wait_until(lambda: service.metric("truegrain_probability_count") >= 60, what="the other worker's measurements")
    assert service.metric("truegrain_probability_count") == 60
    assert service.metric("flask_http_request_duration_seconds_count", url_rule="/predict") == 60
    assert service.metric("truegrain_model_info", version="1") == 1


def test_a_process_that_just_makes_its_file_does_not_spoil_a_scrape(serve: Serve, home: Path) -> None:
    service = serve()
    file = home / "run" / "metrics" / "counter_1.db"
    file.touch()
    with ThreadPoolExecutor(1) as scraper:
        scrape = scraper.submit(service.get, "/metrics")
        time.sleep(0.1)
        assert not scrape.done()
        os.truncate(file, 1024)
        assert scrape.result().status_code == 200


def test_the_sums_survive_a_worker_and_start_anew_with_the_service(
    serve: Serve, publish: Publish, draw: Draw, wait_until: Callable[..., None]
) -> None:
    publish("1")
    service = serve()
    for _ in range(10):
        service.predict(draw())
    before = {worker.pid for worker in service.workers()}
    psutil.Process(min(before)).kill()
    wait_until(lambda: len({w.pid for w in service.workers()} - before) == 1, what="a new worker")
    assert service.metric("truegrain_predictions_total") == 10
    service.stop()
    restarted = serve()
    restarted.predict(draw())
    assert restarted.metric("truegrain_predictions_total") == 1


def test_every_verdict_of_every_worker_is_in_the_log_when_the_service_has_stopped(
    serve: Serve, publish: Publish, draw: Draw, home: Path
) -> None:
    publish("1")
    service = serve(queue=8, queue_seconds=30)
    with ThreadPoolExecutor(8) as pool:
        given = {answer.json()["id"] for answer in pool.map(service.predict, [draw(230)] * 40)}
    service.stop()
    with contextlib.closing(sqlite3.connect(home / "predictions.db")) as database:
        kept = {id_ for (id_,) in database.execute("select id from predictions")}
    assert len(given) == 40
    assert kept == given


def test_a_swap_under_load_drops_no_request_and_mixes_no_versions(serve: Serve, publish: Publish, draw: Draw) -> None:
    first = publish("1", bias=0.0)
    service = serve()
    image = draw(140)
    expected = {}
    with ThreadPoolExecutor(4) as pool:
        expected["1"] = (first.sha256, service.predict(image).json()["probability"])
        answers = [pool.submit(service.predict, image) for _ in range(100)]
        second = publish("2", bias=2.0)
        service.await_version("2")
        expected["2"] = (second.sha256, service.predict(image).json()["probability"])
        answers += [pool.submit(service.predict, image) for _ in range(20)]
    assert expected["1"] != expected["2"]
    verdicts = [answer.result().json() for answer in answers]
    seen = Counter((v["model"]["version"], v["model"]["sha256"], v["probability"]) for v in verdicts)
    assert set(seen) == {(version, *facts) for version, facts in expected.items()}
    assert {verdict["model"]["version"] for verdict in verdicts[-20:]} == {"2"}
    assert service.metric("truegrain_model_info", version="1") == 0
    assert service.metric("truegrain_model_info", version="2") == 1


def test_a_killed_master_takes_those_beside_its_workers_with_it(serve: Serve, wait_until: Callable[..., None]) -> None:
    service = serve()
    wait_until(lambda: len(service.processes()) == 5, what="master, two workers, the follower and the monitor")
    service.process.kill()
    service.process.wait()
    wait_until(lambda: not service.beside("follower") and not service.beside("monitor"), what="both to notice")
    for worker in service.processes():  # workers notice, too, but only after half of their time-out
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()


def test_limits_of_drift_that_cannot_be_read_end_the_start_with_a_sentence(home: Path, tmp_path: Path) -> None:
    policy = tmp_path / "drift.toml"
    policy.write_text("dense_grupe = 0.1\n")
    wrong = {"TRUEGRAIN_HOME": str(home), "TRUEGRAIN_DRIFT_POLICY": str(policy)}
    started = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "service/gunicorn.conf.py"],
        env=os.environ | wrong,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode != 0
    assert f"the drift policy '{policy}' is not allowed: dense_grupe" in started.stderr


@pytest.mark.parametrize("name", ["follower", "monitor"])
def test_who_is_killed_beside_the_workers_is_restarted_and_term_ends_every_process(
    serve: Serve, wait_until: Callable[..., None], name: str
) -> None:
    service = serve()
    wait_until(lambda: len(service.beside("follower")) == len(service.beside("monitor")) == 1, what="both")
    (killed,) = service.beside(name)
    killed.send_signal(signal.SIGKILL)
    wait_until(lambda: service.beside(name) not in ([], [killed]), what=f"another {name}")
    assert len(service.processes()) == 5
    service.stop()
    assert service.process.returncode == 0
    assert service.processes() == []


def test_a_reload_keeps_the_service_and_those_beside_its_workers(
    serve: Serve, publish: Publish, draw: Draw, wait_until: Callable[..., None]
) -> None:
    publish("1")
    service = serve()
    before = {worker.pid for worker in service.workers()}
    service.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: len(service.workers()) == 2 and not before & {w.pid for w in service.workers()}, what="new workers"
    )
    assert service.predict(draw()).ok
    assert (len(service.beside("follower")), len(service.beside("monitor"))) == (1, 1)


def test_clients_see_why_their_large_upload_was_refused(serve: Serve, publish: Publish, tmp_path: Path) -> None:
    publish("1")
    service = serve()
    upload = tmp_path / "large.jpg"
    upload.write_bytes(bytes(LARGE))
    jpeg = ["-H", "Content-Type: image/jpeg"]
    forms = {
        "multipart": ["-F", f"file=@{upload}"],
        "multipart without waiting for 100 Continue": ["-H", "Expect:", "-F", f"file=@{upload}"],
        "raw": [*jpeg, "--data-binary", f"@{upload}"],
        "chunked": [*jpeg, "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{upload}"],
        "wrong content type": ["--data-binary", f"@{upload}"],
    }
    refused = {form: run_curl([*arguments, f"{service.url}/predict"]) for form, arguments in forms.items()}
    assert refused == {
        "multipart": (413, "too_many_bytes"),
        "multipart without waiting for 100 Continue": (413, "too_many_bytes"),
        "raw": (413, "too_many_bytes"),
        "chunked": (413, "too_many_bytes"),
        "wrong content type": (415, "unsupported_content_type"),
    }
    assert service.predict(bytes(LARGE)).status_code == 413
    endless = (bytes(100_000) for _ in range(LARGE // 100_000))
    answer = requests.post(f"{service.url}/predict", data=endless, headers={"Content-Type": "image/jpeg"}, timeout=30)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_many_bytes")


def run_curl(arguments: list[str]) -> tuple[int, str]:
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    body, _, status = finished.stdout.rpartition("\n")
    return int(status), json.loads(body)["reason"]


def test_a_client_that_leaves_in_the_middle_disturbs_nobody(serve: Serve, publish: Publish, draw: Draw) -> None:
    publish("1")
    service = serve()
    host, port = service.url.removeprefix("http://").split(":")
    half = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 9999\r\n\r\nhalf"
    for _ in range(4):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(half.encode())
    assert service.predict(draw()).ok
    assert 'status="500"' not in service.get("/metrics").text


@pytest.mark.parametrize("behind", [b": x\r\n", b"Content-Length: 4\r\n", b"X: y\r\n" * 150])
def test_fields_behind_a_body_that_are_none_are_no_mistake_of_ours(serve: Serve, behind: bytes) -> None:
    service = serve(workers=1)
    host, port = service.url.removeprefix("http://").split(":")
    for path, status in ((b"/feedback", b"400"), (b"/healthz", b"405")):
        head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" % path
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + behind + b"\r\n")
            assert connection.recv(12) == b"HTTP/1.1 " + status


def test_every_line_of_the_log_is_json_without_image_bytes_or_keys(
    serve: Serve, publish: Publish, draw: Draw, give_keys: Callable[..., None]
) -> None:
    publish("1")
    secret = make_secret()
    give_keys(Key(name="shop", roles=("predict",), hashes=(hash_of(secret),)))
    service = serve(require_auth=True)
    headers = {"X-Request-ID": "find-me", "X-API-Key": secret}
    verdict = service.predict(draw(), headers=headers).json()
    assert service.predict(draw(), headers=headers | {"X-Request-ID": secret}).ok
    service.stop()
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    (line,) = (line for line in lines if line.get("request_id") == "find-me")
    assert (line["path"], line["status"], line["version"], line["decision"]) == ("/predict", 200, "1", "ai")
    assert line["client"] == "shop"
    assert line["queue_ms"] >= 0
    assert secret not in service.log.read_text()
    assert line["image_sha256"] == verdict["image"]["sha256"]
    assert max(len(str(line)) for line in lines) < 5_000


def test_drift_is_measured_beside_the_workers_and_told_by_health_and_metrics(
    serve: Serve, publish: Publish, wait_until: Callable[..., None]
) -> None:
    publish("1")
    service = serve(drift_seconds=0.2, drift_least=90)
    wait_until(lambda: service.get("/health").json()["drift"]["cause"] == "too_few", what="the first look")
    for image in draw_ordinary(90, seed=3):
        assert service.predict(image).ok
    wait_until(lambda: service.get("/health").json()["drift"]["status"] != "unknown", what="a measurement")
    told = service.get("/health").json()
    assert (told["drift"]["version"], told["drift"]["status"]) == ("1", "ok"), told["drift"]["reason"]
    assert service.metric("truegrain_drift_state", state="ok") == 1
    assert service.metric("truegrain_drift_window_predictions") == 90
    assert 0 <= service.metric("truegrain_estimated_accuracy", bound="low") <= 1


def test_what_the_service_keeps_is_for_its_own_user(
    serve: Serve, publish: Publish, draw: Draw, home: Path, wait_until: Callable[..., None]
) -> None:
    publish("1")
    before = set(home.rglob("*"))
    service = serve(drift_seconds=0.2)
    verdict = service.predict(draw()).json()
    report = {"prediction_id": verdict["id"], "label": "real", "consent": "true"}
    files = {"file": draw()}
    wait_until(lambda: requests.post(f"{service.url}/feedback", data=report, files=files, timeout=30).ok, what="report")
    wait_until((home / "run" / "drift.json").exists, what="the monitor's status")
    wait_until((home / "run" / "follower.json").exists, what="the follower's status")
    written = set(home.rglob("*")) - before
    names = {path.name for path in written}
    assert {"predictions.db", "drift.json", "follower.json", "lake"} <= names
    assert any(name.startswith(verdict["id"]) for name in names), "the report with its picture"
    assert [path for path in written if path.exists() and path.stat().st_mode & 0o077] == []


def test_an_unsigned_detector_of_before_is_not_served_where_signatures_are_wanted(
    serve: Serve, publish: Publish, draw: Draw, home: Path, tmp_path: Path
) -> None:
    key, path = PrivateKey.generate(), tmp_path / "release.pub.pem"
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    pointer = publish("1")
    service = serve(require_signature=path)
    assert service.predict(draw()).status_code == 503
    assert service.get("/readyz").json()["reason"] == "not_ready"
    assert "it is not signed" in service.log.read_text()
    signature = sign(pointer_path(home).parent / pointer.folder, key, name=pointer.name, version="1")
    replace(pointer, signature=signature).write(pointer_path(home))
    service.await_version("1")
    assert service.predict(draw()).ok
