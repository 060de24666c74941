"""A verdict holds the detector's result and the file's evidence, and the prediction log keeps it."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import ExifTags, Image

from model.detectors.detector import Detector
from model.detectors.traffic_sample import EMBEDDING, Sample
from model.errors import SettingsError
from model.estimate import Estimate
from model.images.decoding import Limits
from model.images.provenance.findings import Finding
from model.monitoring.database import open_database
from model.monitoring.windows import read_window
from model.settings import Settings
from service.answers.options import Options
from service.app import create_app
from service.status.pointer import Pointer, pointer_path
from service.verdicts.answering import to_prediction, to_verdict
from service.verdicts.judging import judge
from service.verdicts.model_store import ServedModel
from support.credentials import IPTC, sign, trust_list

Draw = Callable[..., bytes]
LEVELS = (40, 200)


@pytest.fixture(autouse=True)
def served(publish: Callable[..., Pointer], home: Path) -> ServedModel:
    pointer = publish("7")
    publish("8", bias=2.0, alias="shadow")
    detector = Detector.load(pointer_path(home).parent / pointer.folder)
    return ServedModel(version=pointer, detector=detector, loaded_at=0)


def ask_one_by_one(client: FlaskClient, path: str, images: list[bytes]) -> None:
    for image in images:
        assert client.post(path, data=image, content_type="image/jpeg").status_code == 200


def ask_at_once(client: FlaskClient, path: str, images: list[bytes]) -> None:
    files = [(io.BytesIO(image), "image.jpg") for image in [images[0], b"no image", *images[1:]]]
    assert client.post(path, data={"files": files}).status_code == 200


def read_all(app: APIFlask, home: Path) -> Sample:
    app.extensions["truegrain"].predictions.stop()
    engine = open_database(f"sqlite:///{home / 'predictions.db'}")
    sha256 = Pointer.read(pointer_path(home)).sha256
    window = read_window(engine, model_version="7", model_sha256=sha256, most=10, until=datetime.now(UTC))
    engine.dispose()
    return window.sample


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/predict", ask_one_by_one),
        ("/predict/compare", ask_one_by_one),
        ("/predict/explain", ask_one_by_one),
        ("/predict/batch", ask_at_once),
    ],
)
def test_every_endpoint_remembers_where_the_detector_placed_an_image_and_what_its_file_was(
    served: ServedModel,
    app: APIFlask,
    home: Path,
    client: FlaskClient,
    draw: Draw,
    path: str,
    ask: Callable[[FlaskClient, str, list[bytes]], None],
) -> None:
    images = [draw(level) for level in LEVELS]
    ask(client, path, images)
    kept = read_all(app, home)
    seen = np.stack([served.detector.preprocess.read(image) for image in images])
    scores = served.detector.score(seen)
    order = np.argsort(kept.probability)
    assert kept.embedding is not None
    np.testing.assert_allclose(kept.embedding[order], scores.embedding, atol=0.005)
    assert kept.bytes[order].tolist() == [len(image) for image in images]
    assert set(kept.jpeg_quality) == {75}


def test_a_place_too_far_away_for_a_row_is_the_end_of_its_range(served: ServedModel, draw: Draw) -> None:
    judged = judge(draw(), served, limits=Limits(), options=Options())
    verdict = to_verdict(judged, request_id="r")
    far = replace(judged, scores=replace(judged.scores, embedding=np.float32([[1e6, -1e6, 0.5]])))
    kept = to_prediction(verdict, far, client="shop", at=datetime.now(UTC)).embedding
    assert kept is not None
    assert np.frombuffer(kept, EMBEDDING).tolist() == [65504, -65504, 0.5]


def test_a_detector_that_places_nothing_leaves_that_out(served: ServedModel, draw: Draw) -> None:
    judged = judge(draw(), served, limits=Limits(), options=Options())
    placeless = replace(judged, scores=replace(judged.scores, embedding=None))
    verdict = to_verdict(placeless, request_id="r")
    assert to_prediction(verdict, placeless, client="shop", at=datetime.now(UTC)).embedding is None


@pytest.mark.parametrize(
    ("brightness", "says", "conflict"),
    [
        (230, ["real"], True),
        (230, ["ai"], False),
        (230, ["nothing", "ai", "real"], True),
        (20, ["ai"], True),
        (20, ["real", "nothing"], False),
        (128, ["ai", "real"], False),
        (20, [], False),
        (20, ["partly_ai"], True),
        (230, ["partly_ai"], False),
    ],
)
def test_findings_conflict_with_the_opposite_decision_and_change_nothing(
    served: ServedModel, draw: Draw, brightness: int, says: list[str], conflict: bool
) -> None:
    judged = judge(draw(brightness), served, limits=Limits(), options=Options())
    evidence = tuple(Finding(source="camera", says=word, trust="unsigned", name="n", detail="d") for word in says)  # type: ignore[arg-type]
    verdict = to_verdict(replace(judged, seen=replace(judged.seen, evidence=evidence)), request_id="r")
    assert verdict.conflict == conflict
    assert verdict.evidence == list(evidence)
    assert (verdict.label, verdict.decision, verdict.probability) == (judged.label, judged.decision, judged.probability)


def test_the_predictive_value_follows_the_share_of_ai_in_recent_traffic(served: ServedModel, draw: Draw) -> None:
    """The card counts as many AI as real images."""
    for level, label in ((165, "ai"), (100, "real")):
        judged = judge(draw(level), served, limits=Limits(), options=Options())
        assert judged.label == label
        even = to_verdict(judged, request_id="r", ai_share=Estimate(0.5, 0.4, 0.6))
        assert even.predictive_value is not None
        assert even.predictive_value.value == pytest.approx(even.confidence)
        assert even.predictive_value.low < even.predictive_value.value < even.predictive_value.high
        rare = to_verdict(judged, request_id="r", ai_share=Estimate(0.02, 0.01, 0.03)).predictive_value
        assert rare is not None
        assert (rare.value < even.confidence) is (label == "ai")
        assert rare.low < rare.value < rare.high


def test_without_a_known_share_there_is_no_predictive_value(served: ServedModel, draw: Draw) -> None:
    judged = judge(draw(), served, limits=Limits(), options=Options())
    share = Estimate(0.5, 0.4, 0.6)
    assert to_verdict(judged, request_id="r").predictive_value is None
    blank = judge(draw(size=(8, 8)), served, limits=Limits(), options=Options())
    assert any(note.unsure for note in blank.notes)
    assert to_verdict(blank, request_id="r", ai_share=share).predictive_value is None
    served.detector.card = replace(served.detector.card, calibrated_on={})
    assert to_verdict(judged, request_id="r", ai_share=share).predictive_value is None


def test_two_verdicts_on_the_same_image_have_ids_of_their_own(served: ServedModel, draw: Draw) -> None:
    judged = judge(draw(), served, limits=Limits(), options=Options())
    first, second = (to_verdict(judged, request_id="same") for _ in range(2))
    assert first.id != second.id
    assert len(first.id) == 32


def picture(brightness: int, **metadata: str) -> bytes:
    exif = Image.Exif()
    for name, value in metadata.items():
        exif[ExifTags.Base[name]] = value
    file = io.BytesIO()
    noise = np.random.default_rng(brightness).integers(-9, 10, (40, 40, 3))
    Image.fromarray((brightness + noise).clip(0, 255).astype(np.uint8)).save(file, "PNG", exif=exif.tobytes())
    return file.getvalue()


def predict(client: FlaskClient, image: bytes) -> dict[str, Any]:
    answer = client.post("/predict", data=image, content_type="image/png")
    assert answer.status_code == 200
    return dict(answer.json or {})


@pytest.mark.parametrize(
    ("brightness", "metadata", "conflict"),
    [
        pytest.param(230, {"Make": "Canon", "Model": "Canon EOS R5"}, True, id="AI with a camera"),
        pytest.param(25, {"Make": "Canon", "Model": "Canon EOS R5"}, False, id="real with a camera"),
        pytest.param(128, {"Make": "Canon", "Model": "Canon EOS R5"}, False, id="unsure with a camera"),
        pytest.param(25, {"Software": "NovelAI"}, True, id="real by a generator"),
        pytest.param(230, {"Software": "NovelAI"}, False, id="AI by a generator"),
        pytest.param(230, {}, False, id="nothing said"),
    ],
)
def test_metadata_may_contradict_a_verdict_but_never_change_it(
    client: FlaskClient, brightness: int, metadata: dict[str, str], conflict: bool
) -> None:
    silent, speaking = predict(client, picture(brightness)), predict(client, picture(brightness, **metadata))
    assert speaking["conflict"] is conflict
    assert len(speaking["evidence"]) == bool(metadata)
    for fact in ("label", "decision", "probability", "confidence"):
        assert speaking[fact] == silent[fact]


def test_a_finding_says_where_it_stands_and_what_it_means(client: FlaskClient) -> None:
    [finding] = predict(client, picture(230, Make="Canon", Model="Canon EOS R5"))["evidence"]
    assert finding == {
        "source": "camera",
        "says": "real",
        "trust": "unsigned",
        "name": "Canon EOS R5",
        "detail": "the file's EXIF, unsigned, names the camera Canon EOS R5",
    }


CAPTURED = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}
GENERATED = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}


def test_what_a_generator_wrote_is_what_the_file_says_beside_the_verdict_on_the_pixels(client: FlaskClient) -> None:
    verdict = predict(client, picture(25, Software="NovelAI"))
    assert (verdict["file_says"], verdict["decision"], verdict["conflict"]) == ("ai", "real", True)


def test_a_camera_s_name_is_too_easily_written_to_count(client: FlaskClient) -> None:
    assert predict(client, picture(25, Make="Canon"))["file_says"] is None
    assert predict(client, picture(25))["file_says"] is None


def test_a_signer_on_the_trust_list_counts_for_a_real_picture(
    start_client: Callable[..., FlaskClient], tmp_path: Path
) -> None:
    (tmp_path / "list.pem").write_text(trust_list())
    trusting, plain = start_client(c2pa_trust_list=str(tmp_path / "list.pem")), start_client()
    captured = sign(picture(230), CAPTURED, kind="PNG")
    for path in ("/predict", "/predict/explain"):
        told = trusting.post(path, data=captured, content_type="image/png").json or {}
        assert (told["file_says"], told["evidence"][0]["trust"], told["conflict"]) == ("real", "listed", True)
    batch = trusting.post("/predict/batch", data={"files": [(io.BytesIO(captured), "a.png")]}).json or {}
    assert batch["items"][0]["verdict"]["file_says"] == "real"
    told = predict(plain, captured)
    assert (told["file_says"], told["evidence"][0]["trust"]) == (None, "unlisted")


def test_a_signed_claim_of_ai_counts_without_a_list(client: FlaskClient) -> None:
    verdict = predict(client, sign(picture(25), GENERATED, kind="PNG"))
    assert (verdict["file_says"], verdict["evidence"][0]["trust"]) == ("ai", "unlisted")


def test_a_trust_list_that_cannot_be_read_stops_the_start(home: Path, tmp_path: Path) -> None:
    (tmp_path / "list.pem").write_text("https://example.org/list")
    with pytest.raises(SettingsError, match=r"TRUEGRAIN_C2PA_TRUST_LIST=.*list\.pem is not allowed.*no PEM file"):
        create_app(Settings(home=home, c2pa_trust_list=str(tmp_path / "list.pem")))


def test_each_image_of_a_batch_has_its_own_evidence(client: FlaskClient) -> None:
    files = [(io.BytesIO(picture(230, Make="Canon")), "a.png"), (io.BytesIO(picture(230)), "b.png")]
    answer = client.post("/predict/batch", data={"files": files}).json
    assert answer is not None
    assert [len(item["verdict"]["evidence"]) for item in answer["items"]] == [1, 0]


def test_findings_and_conflicts_are_counted(client: FlaskClient, metric: Callable[..., float]) -> None:
    for brightness in (230, 25):
        predict(client, picture(brightness, Make="Canon"))
    predict(client, picture(25, Software="NovelAI"))
    assert metric("truegrain_findings_total", source="camera", says="real") == 2
    assert metric("truegrain_findings_total", source="generator_text", says="ai") == 1
    assert metric("truegrain_conflicts_total") == 2
