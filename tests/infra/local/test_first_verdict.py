"""How `make up` calls a service that needs API keys, and which image it chooses."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from model.dataset.lake import Lake
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from model.sources.synthetic import Order, draw_images
from service.protection.access import KEY_HEADER
from service.protection.api_keys import Keyring
from support.small_images import labelled, many, publish
from truegrain_local.first_verdict import lend_key, take_sample


def test_make_up_lends_itself_a_key_for_one_request_where_one_is_needed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, require_auth=True)
    keyring = Keyring(settings.api_keys_path)
    with lend_key(settings) as headers:
        key = keyring.find(headers[KEY_HEADER])
        assert key is not None
        assert key.may("predict")
    assert keyring.find(headers[KEY_HEADER]) is None


def test_make_up_sends_no_key_where_none_is_needed(tmp_path: Path) -> None:
    with lend_key(Settings(home=tmp_path)) as headers:
        assert headers == {}
    assert list(tmp_path.iterdir()) == []


def for_test(images: Iterable[LabelledImage], **changes: str) -> list[LabelledImage]:
    return [replace(image, split="test", **changes) for image in images]


def holding(tmp_path: Path, *images: LabelledImage) -> Settings:
    """Settings with a lake whose newest version holds these images."""
    settings = Settings(home=tmp_path)
    publish(Lake(settings.lake_url), images)
    return settings


def test_the_image_judged_is_of_the_source_of_this_run_and_ai_where_there_is_one(tmp_path: Path) -> None:
    others = for_test(many(10), source="shoes")
    mine = for_test([labelled(50, "real"), labelled(51, "ai")], source="photographs")
    sample = take_sample(holding(tmp_path, *others, *mine), sources={"photographs"})
    assert (sample.source, sample.label, sample.data) == ("photographs", "ai", mine[1].data)


def test_a_real_image_of_this_run_is_judged_rather_than_an_ai_image_of_another_source(tmp_path: Path) -> None:
    settings = holding(tmp_path, *for_test(many(10), source="shoes"), *for_test([labelled(51, "real")], source="mine"))
    sample = take_sample(settings, sources={"mine"})
    assert (sample.source, sample.label) == ("mine", "real")


def test_where_this_run_has_no_test_image_one_of_another_source_is_judged_and_no_drawn_one(tmp_path: Path) -> None:
    drawn = for_test(draw_images(Order(images=10, size=32)), source="still_lifes")
    settings = holding(tmp_path, *drawn, *for_test(many(4), source="shoes"))
    assert take_sample(settings, sources={"elsewhere"}).source == "shoes"
    assert take_sample(settings).source == "shoes"
    assert take_sample(settings, sources={"shoes", "still_lifes"}).source == "shoes"
    assert take_sample(settings, sources={"still_lifes"}).source == "still_lifes"


def test_an_image_that_was_trained_on_is_never_judged(tmp_path: Path) -> None:
    mine = [replace(image, split="train", source="mine") for image in many(2)]  # too few to draw from
    settings = holding(tmp_path, *mine, *for_test(many(4, start=50), source="shoes"))
    assert take_sample(settings, sources={"mine"}).source == "shoes"


def test_where_only_the_demonstration_is_there_a_drawn_ai_image_is_judged(tmp_path: Path) -> None:
    sample = take_sample(holding(tmp_path, *for_test(draw_images(Order(images=10, size=32)))))
    assert (sample.source, sample.label) == ("synthetic", "ai")
