"""Makes torchvision, which timm needs, importable beside a CPU build of torch.

torchvision's wheel is built for CUDA. Beside a CPU build of torch its compiled operators do not load, and importing it
fails with "operator torchvision::nms does not exist". Truegrain uses no compiled operator of torchvision, so declaring
their schemas is enough.
"""

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def make_torchvision_importable() -> None:
    """Define the missing schemas if torchvision's operators do not load. Call this before importing timm."""
    try:
        import torchvision  # noqa: F401 - tests whether it can be imported
    except RuntimeError:
        for name, schema in _SCHEMAS.items():
            torch.library.define(f"torchvision::{name}", schema)
