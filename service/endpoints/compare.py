"""POST /predict/compare: what production and its shadow say about the same image, side by side."""

from typing import Final, Self

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel, ConfigDict, Field

from service.answers.options import read_options
from service.answers.problems import IMAGE, VERDICT, answers
from service.answers.verdict import EXAMPLE_VERDICT, Verdict
from service.context import context
from service.protection.uploads import read_image_bytes
from service.verdicts.judging import judge

blueprint = APIBlueprint("compare", __name__)


class Comparison(BaseModel):
    """Two detectors on one image."""

    model_config = ConfigDict(frozen=True)

    agreement: bool = Field(description="Whether both decisions are the same")
    difference: float = Field(ge=-1, le=1, description="Probability by the shadow minus probability by production")
    production: Verdict = Field(description="As POST /predict gives it; counted and logged like any verdict")
    shadow: Verdict = Field(description="For comparison only: feedback does not know its id")

    @classmethod
    def of(cls, production: Verdict, shadow: Verdict) -> Self:
        """Compare two verdicts on the same image."""
        return cls(
            agreement=production.decision == shadow.decision,
            difference=shadow.probability - production.probability,
            production=production,
            shadow=shadow,
        )


_SHADOW: Final = {
    "id": "c1b7f2a49e3d4f6c8a5b0d9e7f612345",
    "probability": 0.9318,
    "confidence": 0.9318,
    "model": EXAMPLE_VERDICT.model.model_copy(update={"version": "8", "sha256": "1a" * 32}),
}
EXAMPLE: Final = Comparison.of(EXAMPLE_VERDICT, EXAMPLE_VERDICT.model_copy(update=_SHADOW))
"""A comparison as the documentation shows it."""


@blueprint.post("/predict/compare")
@blueprint.doc(responses=answers(*IMAGE, *VERDICT, "no_shadow"))
@blueprint.output(Comparison, description="Both verdicts", example=EXAMPLE.model_dump(mode="json"))
def compare() -> Comparison:
    """Judge an image with production and with its shadow.

    Takes what POST /predict takes. The shadow is the version under the registry's alias 'shadow'.
    """
    shared, options = context(), read_options(request)
    production, shadow = shared.require_model(), shared.require_shadow()
    data = read_image_bytes(request, shared.metrics)
    with shared.turn(data, data) as turn:
        first = judge(data, production, limits=shared.limits, options=options, trust_list=shared.trust_list)
        turn.pause()
        second = judge(data, shadow, limits=shared.limits, options=options, trust_list=shared.trust_list)
    compared = shared.answer(second, options)
    return Comparison.of(shared.deliver(first, options), compared)
