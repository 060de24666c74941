"""Which test images decide about a challenger."""

from dataclasses import replace

import pytest

from model.evaluation.gate.deciding import DecidingImages, choose_deciding
from model.evaluation.report import Predictions
from model.sources.reports import SOURCE as REPORTS


def predict(images: int, *, clusters: int | None = None, reported: int = 0) -> Predictions:
    """Return predictions of so many images, in so many clusters; the first `reported` are from users' reports."""
    sha256 = tuple(f"{number:064x}" for number in range(images))
    cluster = tuple(number % clusters for number in range(images)) if clusters else ()
    source = (REPORTS,) * reported + ("shop",) * (images - reported)
    return Predictions(sha256, (0, 1) * (images // 2), (0.5,) * images, {"source": source}, cluster)


def test_two_thirds_decide_and_the_rest_is_sealed_for_the_next_champion() -> None:
    first = choose_deciding(predict(900), chose=(), share=2 / 3)
    assert (len(first.images), first.free, first.chose, first.known) == (600, 900, frozenset(), True)
    following = choose_deciding(predict(900), chose=first.images, share=2 / 3)
    assert len(following.images) == following.free == 300
    assert not following.images & first.images
    assert following.chose == first.images


def test_new_images_decide_and_the_choice_is_the_same_each_time() -> None:
    first = choose_deciding(predict(900), chose=(), share=2 / 3)
    grown = choose_deciding(predict(1_000), chose=first.images, share=2 / 3)
    assert len(grown.images) == 400
    assert grown == choose_deciding(predict(1_000), chose=first.images, share=2 / 3)
    assert grown.digest != first.digest


def test_nothing_known_of_the_champions_choice_lets_all_images_decide() -> None:
    found = choose_deciding(predict(900), chose=None, share=2 / 3)
    assert (len(found.images), found.free, found.known) == (600, 900, False)


def test_clusters_stay_together_and_what_resembles_a_used_image_does_not_decide() -> None:
    predictions = predict(900, clusters=90)
    found = choose_deciding(predictions, chose={predictions.sha256[0]}, share=0.5)
    assert found.chose == {predictions.sha256[number] for number in range(0, 900, 90)}
    whole = [{predictions.sha256[number] for number in range(at, 900, 90)} for at in range(90)]
    assert all(cluster <= found.images or not cluster & found.images for cluster in whole)
    assert len(found.images) == 450


def test_how_clusters_are_numbered_does_not_say_which_decide() -> None:
    predictions = predict(900, clusters=90)
    renumbered = replace(predictions, cluster=tuple((7 * number) % 90 for number in predictions.cluster))
    found, again = (choose_deciding(each, chose=(), share=0.5) for each in (predictions, renumbered))
    assert found.images == again.images
    assert not {predictions.sha256[number] for number in range(45)} <= found.images, "drawn, not the first ones"


def test_what_users_reported_never_decides() -> None:
    found = choose_deciding(predict(100, reported=60), chose=(), share=1.0)
    assert found.images == set(predict(100).sha256[60:])


@pytest.mark.parametrize(("images", "clusters", "deciding"), [(10, None, 6), (10, 1, 0)])
def test_few_images_and_a_single_cluster_are_no_error(images: int, clusters: int | None, deciding: int) -> None:
    assert len(choose_deciding(predict(images, clusters=clusters), chose=None, share=2 / 3).images) == deciding


def test_the_images_still_needed_allow_for_the_share_that_is_sealed() -> None:
    found = choose_deciding(predict(900), chose=(), share=2 / 3)
    assert (found.count_more(500), found.count_more(800)) == (0, 300)
    used = choose_deciding(predict(900), chose=found.images, share=2 / 3)
    assert used.count_more(500) == 200


def test_the_list_is_read_as_it_was_written() -> None:
    listed = DecidingImages("7", 3, ("0" * 64,))
    assert DecidingImages.from_json(listed.to_json()) == listed
