"""POST /predict/explain: a verdict, and a heat map of the places in the image that support it."""

import base64
from typing import Final, Self

import numpy as np
from apiflask import APIBlueprint
from flask import Response, request
from numpy.typing import NDArray
from pydantic import Field

from model.detectors.detector import Detector
from model.detectors.map_test import Deletion, measure_deletion
from model.labels import AI, CLASSES
from service.answers.options import read_options
from service.answers.problems import IMAGE, VERDICT, answers
from service.answers.verdict import EXAMPLE_VERDICT, Verdict
from service.context import context
from service.protection.uploads import read_image_bytes
from service.verdicts.answering import respond
from service.verdicts.heat_map import draw_overlay
from service.verdicts.judging import Judged, Pause, judge, score_views

blueprint = APIBlueprint("explain", __name__)


class Explanation(Verdict):
    """A verdict with a heat map of what supports its label; a map that fails its test is withheld."""

    faithful: bool = Field(description="Whether the map passed the deletion test; a map that fails would mislead")
    deletion: Deletion
    cam: tuple[tuple[float, ...], ...] | None = Field(
        description="Rows of the map over the image's central square: above 0 what supports the label, below 0 what "
        "speaks against the label; null: withheld"
    )
    overlay_png: str | None = Field(
        description="The map as a transparent PNG to lay over the upright image, in base64; null: withheld"
    )

    @classmethod
    def of(cls, verdict: Verdict, deletion: Deletion, importance: NDArray[np.float32]) -> Self:
        """Put a verdict and its map together, or withhold the map."""
        shown = deletion.faithful
        overlay = draw_overlay(importance, width=verdict.image.width, height=verdict.image.height) if shown else b""
        return cls(
            **dict(verdict),
            faithful=shown,
            deletion=deletion,
            cam=tuple(map(tuple, importance.tolist())) if shown else None,
            overlay_png=base64.b64encode(overlay).decode() if shown else None,
        )


EXAMPLE: Final = Explanation(
    **dict(EXAMPLE_VERDICT),
    faithful=True,
    deletion=Deletion.of(share=0.25, before=EXAMPLE_VERDICT.probability, after=0.6127, controls=(0.9644, 0.9582)),
    cam=((0.41, 2.87), (-0.36, 0.12)),
    overlay_png="iVBORw0KGgo…",
)
"""An explanation as the documentation shows it, shortened."""


@blueprint.post("/predict/explain")
@blueprint.doc(responses=answers(*IMAGE, *VERDICT))
@blueprint.output(Explanation, description="The verdict and its map", example=EXAMPLE.model_dump(mode="json"))
def explain() -> Response:
    """Judge an image and show what supports the verdict.

    Send the image as to /predict. The map is tested on the image itself: its most important places are painted over.
    This must lower the label's probability more than painting over as many other places. A map that fails is withheld.
    """
    shared = context()
    model, options = shared.require_model(), read_options(request)
    data = read_image_bytes(request, shared.metrics)
    with shared.turn(data) as turn:
        judged = judge(data, model, limits=shared.limits, options=options, trust_list=shared.trust_list)
        turn.pause()
        cam = judged.scores.cam[0]
        importance = cam if judged.label == CLASSES[AI] else -cam
        deletion = _measure(judged, importance, model.detector, turn.pause)
    shared.metrics.map_tested(faithful=deletion.faithful)
    return respond(Explanation.of(shared.deliver(judged, options), deletion, importance))


def _measure(judged: Judged, importance: NDArray[np.float32], detector: Detector, pause: Pause) -> Deletion:
    def score(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        probability = score_views(detector, pixels, pause).probability.astype(np.float64)  # 1 - 1e-9 is 1 in float32
        return probability if judged.label == CLASSES[AI] else 1 - probability

    return measure_deletion(judged.seen.views[0], importance, score)
