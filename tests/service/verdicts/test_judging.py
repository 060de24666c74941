"""Judgements: the detector's scores, decided as the options ask."""

import gc
import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.detectors.detector import Detector
from model.errors import InvalidImage
from model.images.decoding import Limits, decode
from model.images.degradations import DEGRADATIONS, LONGEST_JPEG_SIDE, RESHIPPED
from model.images.formats import FORMATS
from service.answers.options import Options
from service.answers.problems import Refusal
from service.protection.bodies import BATCH_WEIGHT
from service.status.pointer import Pointer, pointer_path
from service.verdicts import image_views, judging
from service.verdicts.judging import Judged, judge, judge_all
from service.verdicts.model_store import ServedModel

Draw = Callable[..., bytes]

PLAIN = Options()
STABILITY = Options(stability=True)


@pytest.fixture
def model(publish: Callable[..., Pointer], home: Path) -> ServedModel:
    pointer = publish("1")
    detector = Detector.load(pointer_path(home).parent / pointer.folder)
    return ServedModel(version=pointer, detector=detector, loaded_at=0)


@pytest.fixture
def framed() -> bytes:
    """Return a dark picture in a bright frame: it is called AI until the frame is cut off."""
    levels = np.full((100, 100, 3), 255, np.uint8)
    levels[12:-12, 12:-12] = 60
    return encode(levels)


def encode(levels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()


def judged_only(results: list[Judged | InvalidImage]) -> list[Judged]:
    assert all(isinstance(result, Judged) for result in results)
    return [result for result in results if isinstance(result, Judged)]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("options", [PLAIN, STABILITY])
def test_the_probability_is_exactly_what_the_detector_says_of_the_decoded_image(
    model: ServedModel, draw: Draw, kind: str, options: Options
) -> None:
    image = draw(140, size=(333, 217), kind=kind)
    pixels = model.detector.preprocess.read(image)
    scores = model.detector.score(pixels[np.newaxis])
    judged = judge(image, model, limits=Limits(), options=options)
    assert judged.probability == float(scores.probability[0])
    assert (judged.scores.cam[0] == scores.cam[0]).all()
    assert judged.scores.embedding is not None
    assert (judged.scores.embedding[0] == scores.embedding[0]).all()
    assert (judged.seen.views[0] == pixels).all()
    facts = judged.seen.image
    assert (facts.width, facts.height, facts.sha256) == (333, 217, hashlib.sha256(image).hexdigest())


def test_a_batch_gives_each_image_what_it_gets_alone(model: ServedModel, draw: Draw) -> None:
    images = [draw(brightness, size=(40 + brightness, 50)) for brightness in (20, 128, 230)]
    for options in (PLAIN, STABILITY, Options(max_fpr="0.05")):
        alone = [judge(image, model, limits=Limits(), options=options) for image in images]
        together = judged_only(judge_all(images, model, limits=Limits(), options=options))
        for one, other in zip(alone, together, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-6)
            assert (one.seen.image, one.decision, one.stability) == (other.seen.image, other.decision, other.stability)
            assert (one.seen.views == other.seen.views).all()
            assert one.scores.embedding == pytest.approx(other.scores.embedding, abs=1e-5)


def test_a_batch_is_the_same_however_many_tensors_it_takes(
    model: ServedModel, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [draw(brightness) for brightness in range(0, 250, 36)]
    whole = judged_only(judge_all(images, model, limits=Limits(), options=STABILITY))
    monkeypatch.setattr(judging, "TENSOR_PIXELS", 3 * 32 * 32)
    monkeypatch.setattr(judging, "TENSOR_ROWS", 1)
    parts = judged_only(judge_all(images, model, limits=Limits(), options=STABILITY))
    assert [one.seen.image for one in parts] == [one.seen.image for one in whole]
    assert [one.probability for one in parts] == pytest.approx([one.probability for one in whole], abs=1e-6)


def test_what_is_no_image_keeps_its_place_in_a_batch(model: ServedModel, draw: Draw) -> None:
    first, second, third = judge_all([draw(20), b"no image", draw(230)], model, limits=Limits(), options=PLAIN)
    assert isinstance(first, Judged) and isinstance(third, Judged)
    assert (first.label, third.label) == ("real", "ai")
    assert isinstance(second, InvalidImage)
    assert second.reason == "not_an_image"


def test_a_batch_without_any_image_is_all_errors(model: ServedModel) -> None:
    results = judge_all([b"", b"no image"], model, limits=Limits(), options=PLAIN)
    assert [getattr(result, "reason", None) for result in results] == ["empty", "not_an_image"]


@pytest.mark.parametrize("options", [PLAIN, STABILITY])
def test_no_decoded_picture_outlives_its_judgement(model: ServedModel, draw: Draw, options: Options) -> None:
    image = draw(140, size=(333, 217))
    alone = judge(image, model, limits=Limits(), options=options)
    [together] = judge_all([image], model, limits=Limits(), options=options)
    gc.collect()
    alive = [one for one in gc.get_objects() if issubclass(type(one), Image.Image) and one.size == (333, 217)]
    assert alive == [], f"kept alive beside {alone} and {together}"


def test_an_error_in_a_batch_holds_no_pixels_of_its_picture(model: ServedModel, draw: Draw) -> None:
    broken = draw(200, size=(300, 300))[:-2000]
    [bad] = judge_all([broken], model, limits=Limits(), options=PLAIN)
    assert isinstance(bad, InvalidImage)
    assert (bad.__traceback__, bad.__cause__) == (None, None), "frames of a traceback keep what they decoded"


def test_the_images_of_a_batch_share_a_bound_on_pixels(model: ServedModel, draw: Draw) -> None:
    largest, small = draw(20, size=(100, 100)), draw(20, size=(10, 10))
    limits = Limits(max_pixels=100 * 100)
    *within, beyond, last = judge_all([small, *[largest] * BATCH_WEIGHT, small], model, limits=limits, options=PLAIN)
    judged_only([*within, last])
    assert isinstance(beyond, InvalidImage)
    assert beyond.reason == "too_many_pixels"
    assert "left 9,900 to the batch" in str(beyond)


def test_damaged_images_use_the_pixels_of_a_batch_up_too(model: ServedModel, draw: Draw) -> None:
    damaged = draw(200, size=(100, 100))[:-500]
    results = judge_all([damaged] * (BATCH_WEIGHT + 1), model, limits=Limits(max_pixels=100 * 100), options=PLAIN)
    reasons = [result.reason for result in results if isinstance(result, InvalidImage)]
    assert reasons == ["broken"] * BATCH_WEIGHT + ["too_many_pixels"]


def test_an_operating_point_moves_threshold_label_and_decision(model: ServedModel, draw: Draw) -> None:
    image = draw(165)
    plain = judge(image, model, limits=Limits(), options=PLAIN)
    strict = judge(image, model, limits=Limits(), options=Options(max_fpr="0.01"))
    assert 0.8 < plain.probability < 0.9
    assert (plain.rule.threshold, plain.rule.operating_point) == (0.5, None)
    assert (plain.label, plain.decision) == ("ai", "ai")
    assert (strict.rule.threshold, strict.rule.operating_point) == (0.9, "0.01")
    assert (strict.label, strict.decision) == ("real", "unsure")


@pytest.mark.parametrize("rate", ["0.02", "1%", "", "0.01 "])
def test_an_operating_point_that_the_card_lacks_is_refused_with_those_it_has(
    model: ServedModel, draw: Draw, rate: str
) -> None:
    for ask in (judge, judge_all):
        with pytest.raises(Refusal, match=r"0\.01, 0\.05") as refusal:
            ask(draw(), model, limits=Limits(), options=Options(max_fpr=rate))  # type: ignore[operator]
        assert refusal.value.reason == "unknown_operating_point"


def test_a_rate_that_too_few_real_images_could_calibrate_is_refused_with_the_number_that_could(
    model: ServedModel, draw: Draw
) -> None:
    def ask(rate: str) -> str:
        with pytest.raises(Refusal) as refusal:
            judge(draw(), model, limits=Limits(), options=Options(max_fpr=rate))
        return str(refusal.value)

    assert "calibrated on 150 real images, and this rate needs 999" in ask("0.001")
    for rate in ("0.02", "nan", "0", "1e-320", "-1"):
        assert "real images" not in ask(rate)
    old = replace(model.detector.card, calibrated_on={}, operating_bounds={})
    model.detector.card = old
    assert "real images" not in ask("0.001")
    assert judge(draw(), model, limits=Limits(), options=Options(max_fpr="0.01")).rule.threshold == 0.9


def test_a_label_that_survives_every_reshipping_is_stable(model: ServedModel, draw: Draw) -> None:
    judged = judge(draw(230), model, limits=Limits(), options=STABILITY)
    assert (judged.stability, judged.decision) == (1, "ai")


def test_a_label_that_a_crop_flips_is_unstable_and_unsure(model: ServedModel, framed: bytes) -> None:
    plain = judge(framed, model, limits=Limits(), options=PLAIN)
    assert (plain.label, plain.decision, plain.stability) == ("ai", "ai", None)
    judged = judge(framed, model, limits=Limits(), options=STABILITY)
    assert (judged.label, judged.decision, judged.stability) == ("ai", "unsure", 0.75)
    assert judged.probability == plain.probability


def test_the_reshipped_versions_are_those_of_the_evaluation(model: ServedModel, framed: bytes) -> None:
    rgb = decode(framed).rgb
    views = [model.detector.preprocess(DEGRADATIONS[name](rgb)) for name in RESHIPPED]
    labels = model.detector.score(np.stack(views)).probability >= 0.5
    judged = judge(framed, model, limits=Limits(), options=STABILITY)
    assert judged.stability == labels.mean()


def test_a_shrunk_picture_is_reshipped_from_all_of_its_pixels(model: ServedModel, draw: Draw) -> None:
    image, preprocess = draw(140, size=(640, 520)), model.detector.preprocess
    judged = judge(image, model, limits=Limits(), options=STABILITY)
    whole = decode(image).rgb
    expected = [preprocess.read(image), *(preprocess(DEGRADATIONS[name](whole)) for name in RESHIPPED)]
    assert (judged.seen.views == np.stack(expected)).all()
    assert (judged.seen.views[0] != preprocess(whole)).any(), "the picture was shrunk"
    plain = judge(image, model, limits=Limits(), options=PLAIN)
    assert (plain.seen.views[0] == judged.seen.views[0]).all()
    assert plain.seen.image == judged.seen.image
    assert (plain.seen.image.width, plain.seen.image.height) == (640, 520)


def test_a_large_image_is_reduced_before_it_is_reshipped_and_a_small_one_is_not(
    model: ServedModel, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []

    def note(image: Image.Image) -> Image.Image:
        sizes.append(image.size)
        return image

    monkeypatch.setattr(image_views, "DEGRADATIONS", dict.fromkeys(RESHIPPED, note))
    judge(draw(230, size=(6_000, 1_500)), model, limits=Limits(), options=STABILITY)
    assert set(sizes) == {(4_000, 1_000)}
    sizes.clear()
    judge(draw(230, size=(2_000, 2_000)), model, limits=Limits(), options=STABILITY)
    assert set(sizes) == {(2_000, 2_000)}


def test_a_batch_pauses_after_each_image_and_each_tensor_and_counts_no_pause_as_time_of_the_detector(
    model: ServedModel, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "TENSOR_PIXELS", 3 * 32 * 32)
    monkeypatch.setattr(judging, "TENSOR_ROWS", 1)
    pauses: list[float] = []

    def pause() -> float:
        pauses.append(0.2)
        time.sleep(0.2)
        return 0.2

    images = [draw(20), b"no image", draw(128), draw(230), draw(60)]
    results = judge_all(images, model, limits=Limits(), options=PLAIN, pause=pause)
    assert len(pauses) == len(images) + 1, "four images are two tensors"
    judged = [result for result in results if isinstance(result, Judged)]
    assert sum(one.inference for one in judged) < 0.2


def test_an_image_longer_than_any_jpeg_is_judged_but_its_stability_is_not_examined(model: ServedModel) -> None:
    strip = encode(np.full((1, LONGEST_JPEG_SIDE + 1, 3), 255, np.uint8))
    assert judge(strip, model, limits=Limits(), options=PLAIN).label == "ai"
    with pytest.raises(InvalidImage, match="65,500") as error:
        judge(strip, model, limits=Limits(), options=STABILITY)
    assert error.value.reason == "too_many_pixels"


def test_a_strip_of_the_longest_jpeg_can_be_reshipped(model: ServedModel) -> None:
    strip = encode(np.full((1, LONGEST_JPEG_SIDE, 3), 255, np.uint8))
    assert judge(strip, model, limits=Limits(), options=STABILITY).stability == 1
