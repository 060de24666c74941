"""`python -m truegrain_docs.examples`: draws the two pictures that the service's page offers to try."""

from typing import Final

from model.sources.synthetic import Order, draw_image
from truegrain_rig.stack import ROOT

FOLDER: Final = ROOT / "service" / "static" / "examples"
DRAWN: Final = {"photograph.jpg": 8, "ai.jpg": 1}
"""Number of each picture in the built-in source: one as a camera takes it, one as a generator leaves it."""

_ORDER: Final = Order(seed=3)


def draw(name: str) -> bytes:
    """Return the picture of that file name, a JPEG of 64 x 64 pixels."""
    return draw_image(_ORDER, DRAWN[name]).data


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in DRAWN:
        (FOLDER / name).write_bytes(draw(name))
