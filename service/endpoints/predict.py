"""POST /predict: one image in, one verdict out."""

from apiflask import APIBlueprint
from flask import Response, request

from service.answers.options import read_options
from service.answers.problems import IMAGE, VERDICT, answers
from service.answers.verdict import EXAMPLE_VERDICT, Verdict
from service.context import context
from service.protection.uploads import read_image_bytes
from service.verdicts.answering import respond
from service.verdicts.judging import judge

blueprint = APIBlueprint("predict", __name__)


@blueprint.post("/predict")
@blueprint.doc(responses=answers(*IMAGE, *VERDICT))
@blueprint.output(Verdict, description="The verdict", example=EXAMPLE_VERDICT.model_dump(mode="json"))
def predict() -> Response:
    """Judge an image.

    Send the file as the multipart field 'file', or as the body itself under its image/* content type. The detector in
    production answers, and the verdict names its version.
    """
    shared = context()
    model, options = shared.require_model(), read_options(request)
    data = read_image_bytes(request, shared.metrics)
    with shared.turn(data) as turn:
        judged = judge(
            data, model, limits=shared.limits, options=options, trust_list=shared.trust_list, score=turn.score
        )
    verdict = shared.deliver(judged, options)
    if shared.shadowing:
        shared.shadowing.offer(data, options, verdict)
    return respond(verdict)
