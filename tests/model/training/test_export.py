"""The exported graph says what the network says."""

import numpy as np
import onnxruntime
import pytest
import torch

from model.training.batches import normalise
from model.training.config import read_config
from model.training.export import ReleasedNetwork, export
from model.training.network import Network, build_network

SIZE = 32


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    network = build_network(read_config("quick"), size=SIZE, pretrained_file="")
    with torch.no_grad():
        for _ in range(3):  # so that the statistics of batch normalisation are not the trivial ones
            network(torch.randn(16, 3, SIZE, SIZE))
    return network.eval()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (5, SIZE, SIZE, 3), dtype=np.uint8)


def test_the_graph_gives_the_networks_calibrated_probability_for_any_batch(
    network: Network, pixels: np.ndarray
) -> None:
    session = onnxruntime.InferenceSession(export(ReleasedNetwork(network, temperature=1.7), size=SIZE))
    with torch.inference_mode():
        expected = torch.sigmoid(network(normalise(torch.from_numpy(pixels))) / 1.7).numpy()
    for count in (1, 5):
        probability, cam = session.run(["probability", "cam"], {"pixels": pixels[:count]})
        np.testing.assert_allclose(probability, expected[:count], atol=1e-5)
        assert cam.shape == (count, 2, 2)


def test_the_map_is_the_gradient_of_the_logit_times_the_features(network: Network, pixels: np.ndarray) -> None:
    with torch.inference_mode():
        _, cam = ReleasedNetwork(network, temperature=1.0)(torch.from_numpy(pixels))
    features = network.backbone(normalise(torch.from_numpy(pixels))).detach().requires_grad_()
    network.classify(features.mean((2, 3))).sum().backward()
    assert features.grad is not None
    by_autograd = (features.grad.sum((2, 3), keepdim=True) * features.detach()).sum(1)
    torch.testing.assert_close(cam.clone(), by_autograd, rtol=1e-4, atol=1e-5)
