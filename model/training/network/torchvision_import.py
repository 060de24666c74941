"""Let torchvision, hence timm, be imported beside a torch it was not built for.

torchvision's wheel is built for CUDA. Beside a CPU build of torch its compiled operators do not load, and importing it
fails with "operator torchvision::nms does not exist". Nothing here uses a compiled operator, so it is enough that
their schemas exist.
"""

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def make_torchvision_importable() -> None:
    """Define the schemas that torchvision misses; a no-op where its own operators load. Call before importing timm."""
    try:
        import torchvision  # noqa: F401 - whether it can be imported is the question
    except RuntimeError:
        for name, schema in _SCHEMAS.items():
            torch.library.define(f"torchvision::{name}", schema)
