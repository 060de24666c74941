"""Exports a network as one ONNX graph with normalisation, calibration, activation map and embedding inside."""

import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from model.detectors.calibration import Scaling
from model.training.network.network import Network
from model.training.release.whitening import Whitening


class ReleasedNetwork(nn.Module):
    """Pixels [N, S, S, 3] uint8 -> calibrated probability of AI [N], map toward AI, embedding and distance.

    With global average pooling the class-activation map can be computed in the forward pass. It weights the features
    of each location by the gradient of the logit with respect to the pooled features. The map is positive where the
    image speaks for AI and negative where it speaks for real. Its positive part is proportional to Grad-CAM (Selvaraju
    et al., 2017, arXiv 1610.02391). The embedding is the pooled features projected on the axes of `whitening`. The
    distance is what `Whitening.measure` returns.
    """

    mean: Tensor
    axes: Tensor
    widths: Tensor

    def __init__(self, network: Network, *, scaling: Scaling, whitening: Whitening) -> None:
        super().__init__()
        self.network = network.eval()
        self.scaling = scaling
        self.register_buffer("mean", torch.from_numpy(whitening.mean))
        self.register_buffer("axes", torch.from_numpy(whitening.axes))
        self.register_buffer("widths", torch.from_numpy(whitening.widths))
        self.noise = whitening.noise

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return (probability [N], cam [N, h, w], embedding [N, d], distance [N])."""
        features = self.network.features(self.network.normalise(pixels))  # [N, C, h, w]
        pooled = features.mean((2, 3))
        cam = torch.einsum("nchw,nc->nhw", features, self.network.head.gradient(pooled))
        centred = pooled - self.mean
        embedding = centred @ self.axes
        logit = self.network.head(pooled) * self.scaling.slope + self.scaling.intercept
        return torch.sigmoid(logit), cam, embedding, self._measure(centred, embedding)

    def _measure(self, centred: Tensor, embedding: Tensor) -> Tensor:
        """Return the distances [N], computed as `Whitening.measure` does."""
        outside = (centred**2).sum(1) - ((embedding * self.widths) ** 2).sum(1)
        squared = (embedding**2).sum(1) + outside.clamp(min=0) / self.noise
        return torch.sqrt(squared / centred.shape[1])


def export(released: ReleasedNetwork, *, size: int) -> bytes:
    """Return the network as one ONNX file for any batch size.

    Its input is `pixels`; its outputs are `probability`, `cam`, `embedding` and `distance`.
    """
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter warns about its own internals on every call
        program = torch.onnx.export(
            released,
            (example,),
            input_names=["pixels"],
            output_names=["probability", "cam", "embedding", "distance"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("n")}},
            dynamo=True,
            verbose=False,
        )
        assert program is not None  # noqa: S101 - with dynamo=True a program is always returned
        path = Path(folder) / "model.onnx"
        program.save(path, external_data=False)
        return path.read_bytes()
