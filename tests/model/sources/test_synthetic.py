import io
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from scipy.optimize import minimize

from model.errors import SourceError
from model.images.decoding import decode
from model.labels import CLASSES
from model.sources.labelled_image import LabelledImage
from model.sources.studio.artefacts import FAMILIES
from model.sources.synthetic import Order, draw_image, draw_images


@pytest.fixture(scope="module")
def images() -> list[LabelledImage]:
    return list(draw_images(Order(images=600)))


def test_classes_and_generators_are_balanced_and_no_split_is_claimed(images: list[LabelledImage]) -> None:
    assert Counter(image.label for image in images) == {"real": 300, "ai": 300}
    assert Counter(image.generator for image in images if image.generator) == dict.fromkeys(FAMILIES, 75)
    assert all((image.generator is None) == (image.label == "real") for image in images)
    assert {(image.source, image.split) for image in images} == {("synthetic", None)}
    assert len({image.origin for image in images}) == len(images)


def test_every_image_is_a_jpeg_of_the_ordered_size_and_no_two_are_equal(images: list[LabelledImage]) -> None:
    decoded = [decode(image.data) for image in images]
    assert {(image.format, image.width, image.height) for image in decoded} == {("JPEG", 64, 64)}
    assert len({image.rgb.tobytes() for image in decoded}) == len(images)


def test_the_same_seed_draws_the_same_bytes_in_any_order(images: list[LabelledImage]) -> None:
    assert list(draw_images(Order(images=20))) == images[:20]
    assert draw_image(Order(), 577) == images[577]


def test_images_for_the_test_split_are_drawn_beside_the_others_and_stay_in_it(images: list[LabelledImage]) -> None:
    longer, shorter = (list(draw_images(Order(images=count, test=10))) for count in (20, 4))
    assert longer[:20] == images[:20]
    assert longer[20:] == shorter[4:]
    assert [image.split for image in shorter] == [None] * 4 + ["test"] * 10
    assert Counter(image.label for image in longer[20:]) == {"real": 5, "ai": 5}
    assert not {image.data for image in longer[20:]} & {image.data for image in images}


def test_another_seed_draws_other_images(images: list[LabelledImage]) -> None:
    assert not {image.data for image in draw_images(Order(images=20, seed=1))} & {image.data for image in images}


def test_the_jpeg_settings_do_not_give_the_label_away(images: list[LabelledImage]) -> None:
    real, ai = ([_jpeg_settings(image.data) for image in images if image.label == label] for label in CLASSES)
    # With 300 images a class, the means differ by chance by about 0.04 in subsampling and 3 % in coarseness.
    assert np.mean([subsampled for _, subsampled in real]) == pytest.approx(np.mean([s for _, s in ai]), abs=0.12)
    assert np.mean([coarseness for coarseness, _ in real]) == pytest.approx(np.mean([c for c, _ in ai]), rel=0.1)
    assert {coarseness for coarseness, _ in real} == {coarseness for coarseness, _ in ai}


def test_colour_statistics_do_not_give_the_label_away(images: list[LabelledImage]) -> None:
    features = np.stack([_colour_statistics(image.data) for image in images])
    signs = np.array([1.0 if image.label == "ai" else -1.0 for image in images])
    assert _logistic_accuracy(features, signs, train=400) < 0.65


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("images=many", "images='many'"),
        ("images=-1", "images='-1'"),
        ("images=1000001", "images='1000001'.*less than or equal to 1000000"),
        ("size=50", "size='50'.*multiple of 4"),
        ("generators=gan", "generators='gan'.*checkerboard, nearest, smooth, patch"),
        ("test=1000001", "test='1000001'.*less than or equal to 1000000"),
        ("colour=red", "colour='red'.*options are images, test, seed, size, generators"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_what_is_allowed(query: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        Order.parse(query)


def test_an_order_is_read_from_a_query_and_is_the_default_when_empty() -> None:
    order = Order(images=600, seed=7, size=96, generators=("checkerboard", "nearest"))
    assert Order.parse("images=600&seed=7&size=96&generators=checkerboard+nearest") == order
    assert Order.parse("") == Order()


def _jpeg_settings(data: bytes) -> tuple[float, float]:
    """How coarsely a JPEG is quantised, and whether its chroma is subsampled."""
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        return float(np.mean(image.quantization[0])), float(JpegImagePlugin.get_sampling(image) == 2)


def _colour_statistics(data: bytes) -> NDArray[np.float64]:
    pixels = np.asarray(decode(data).rgb, dtype=np.float64).reshape(-1, 3)
    histograms = [np.histogram(channel, bins=16, range=(0, 256))[0] for channel in pixels.T]
    return np.concatenate([pixels.mean(axis=0), pixels.std(axis=0), *histograms])


def _logistic_accuracy(features: NDArray[np.float64], signs: NDArray[np.float64], *, train: int) -> float:
    """Fit a ridge logistic regression to the first `train` rows; return its accuracy on the others."""
    scaled = (features - features[:train].mean(axis=0)) / (features[:train].std(axis=0) + 1e-9)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = signs[:train] * (scaled[:train] @ weights)
        slope = -signs[:train] / (1.0 + np.exp(margin)) / train
        return np.logaddexp(0.0, -margin).mean() + 0.01 * weights @ weights, scaled[:train].T @ slope + 0.02 * weights

    weights = minimize(loss, np.zeros(features.shape[1]), jac=True).x
    return float(np.mean((scaled[train:] @ weights > 0) == (signs[train:] > 0)))
