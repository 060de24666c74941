"""The exported graph agrees with the network for every backbone."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from model.detectors.calibration import Scaling
from model.training.config import read_config
from model.training.network.network import Network, build_network
from model.training.release.export import ReleasedNetwork, export
from model.training.release.whitening import Whitening, fit_whitening

SIZE = 32
SCALING = Scaling(1 / 1.7, -0.4)


BACKBONES = ("resnet10t", "efficientnet_b0", "convnext_atto", "vit_tiny_patch16_224")


@pytest.fixture(
    scope="module", params=[*({"backbone": name} for name in BACKBONES), {"mirrored": True}, {"hidden": 0}], ids=str
)
def network(request: pytest.FixtureRequest) -> Network:
    config = read_config("quick", {"smallest_map": 4} | request.param)
    network = build_network(config, size=SIZE, pretrained_file="")
    with torch.no_grad():
        for _ in range(3):  # so that the statistics of batch normalisation are not the trivial ones
            network(torch.randn(16, 3, SIZE, SIZE))
    return network.eval()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (5, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def whitening(network: Network) -> Whitening:
    """A whitening, fitted to other images than the embedded ones."""
    pixels = np.random.default_rng(1).integers(0, 255, (64, SIZE, SIZE, 3), dtype=np.uint8)
    return fit_whitening(pool(network, pixels))


def test_the_graph_gives_probability_gradient_map_embedding_and_distance_of_any_batch(
    network: Network, whitening: Whitening, pixels: np.ndarray
) -> None:
    released = ReleasedNetwork(network, scaling=SCALING, whitening=whitening)
    session = onnxruntime.InferenceSession(export(released, size=SIZE))
    logits, maps = grad_cam(network, pixels)
    places = whitening(pool(network, pixels))
    for count in (1, 5):
        probability, cam, embedding, distance = session.run(None, {"pixels": pixels[:count]})
        np.testing.assert_allclose(probability, torch.sigmoid(logits / 1.7 - 0.4)[:count], atol=1e-4)
        np.testing.assert_allclose(cam, maps[:count], atol=1e-3 * float(maps.abs().max()))
        np.testing.assert_allclose(embedding, places[:count], atol=1e-3 * float(np.abs(places).max()))
        np.testing.assert_allclose(distance, whitening.measure(pool(network, pixels))[:count], rtol=1e-3)


def pool(network: Network, pixels: np.ndarray) -> np.ndarray:
    """Return the input [N, C] of the network's head."""
    seen: list[Tensor] = []
    hook = network.head.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(network.normalise(torch.from_numpy(pixels)))
    hook.remove()
    return seen[0].numpy()


def grad_cam(network: Network, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return logits [N] and maps [N, 4, 4] by autograd, from the backbone's output in a hook."""
    seen: list[Tensor] = []
    hook = network.backbone.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    logits = network(network.normalise(torch.from_numpy(pixels)))
    hook.remove()
    gradients = torch.autograd.grad(logits.sum(), seen)
    maps = [weigh(*map(on_grid, pair)) for pair in zip(seen, gradients, strict=True)]
    # A second output, if there is one, belongs to the mirror image.
    return logits.detach(), sum((found.flip(2) for found in maps[1:]), maps[0]).detach()


def on_grid(features: Tensor) -> Tensor:
    """Return features as [N, C, 4, 4], also from a vision transformer's class token and 16 places."""
    return features if features.ndim == 4 else features[:, 1:].reshape(len(features), 4, 4, -1).permute(0, 3, 1, 2)


def weigh(features: Tensor, gradient: Tensor) -> Tensor:
    """Return the sum of the features, weighted by their gradients."""
    return (gradient.sum((2, 3), keepdim=True) * features).sum(1)
