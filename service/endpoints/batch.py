"""POST /predict/batch: up to 64 images in, a verdict or a problem for each out."""

from collections import Counter
from typing import Final

from apiflask import APIBlueprint
from flask import g, request
from structlog.contextvars import bind_contextvars

from model.errors import InvalidImage
from service.answers.batch import Batch, JudgedItem, RefusedItem
from service.answers.options import Options, read_options
from service.answers.problems import FORM, VERDICT, Problem, answers
from service.answers.verdict import EXAMPLE_VERDICT
from service.context import Context, context
from service.protection.uploads import NamedFile, read_batch
from service.verdicts.judging import Judged, judge_all

blueprint = APIBlueprint("batch", __name__)


EXAMPLE: Final = Batch(
    items=[
        JudgedItem(name="one.jpg", verdict=EXAMPLE_VERDICT),
        RefusedItem(
            name="two.jpg", problem=Problem.of("empty", "the file is empty", request_id=EXAMPLE_VERDICT.request_id)
        ),
    ]
)
"""A batch as the documentation shows it."""


@blueprint.post("/predict/batch")
@blueprint.doc(responses=answers(*FORM, "too_many_files", *VERDICT))
@blueprint.output(Batch, description="A verdict or a problem for each image", example=EXAMPLE.model_dump(mode="json"))
def predict_batch() -> Batch:
    """Judge up to 64 images.

    Send each file as a multipart field 'files'. A file that cannot be judged gets a problem in place of a verdict; the
    other files are judged. One version of the detector judges the whole batch.
    """
    shared = context()
    model, options = shared.require_model(), read_options(request)
    files = read_batch(request, shared.metrics)
    images = [file.data for file in files]
    with shared.turn(*images) as turn:
        results = judge_all(
            images, model, limits=shared.limits, options=options, trust_list=shared.trust_list, pause=turn.pause
        )
    items = [_answer(file, result, options, shared) for file, result in zip(files, results, strict=True)]
    decisions = Counter(item.verdict.decision for item in items if isinstance(item, JudgedItem))
    bind_contextvars(version=model.version.version, decisions=dict(decisions))
    shared.metrics.batch_answered([_outcome(item) for item in items])
    return Batch(items=items)


def _answer(
    file: NamedFile, result: Judged | InvalidImage, options: Options, shared: Context
) -> JudgedItem | RefusedItem:
    if isinstance(result, InvalidImage):
        return RefusedItem(name=file.name, problem=Problem.of(result.reason, str(result), request_id=g.request_id))
    verdict = shared.answer(result, options)
    shared.record(verdict, result)
    return JudgedItem(name=file.name, verdict=verdict)


def _outcome(item: JudgedItem | RefusedItem) -> str:
    return "verdict" if isinstance(item, JudgedItem) else item.problem.reason
