"""POST and DELETE /feedback: takes a report of what an image really is, and withdraws it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import structlog
from apiflask import APIBlueprint
from flask import Request, g, request
from pyarrow import ArrowException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import FileStorage

from model.errors import LockHeld, SourceError, StorageFull, TruegrainError
from model.feedback.reports import ANONYMOUS, ID
from model.monitoring.predictions import Prediction
from service.answers.problems import BODY, Refusal, answers
from service.answers.verdict import EXAMPLE_VERDICT
from service.context import context
from service.protection.access import REPORT_HEADER
from service.protection.bodies import FORM
from service.protection.uploads import FIELD, read_files
from service.records.reporter import Reporter
from service.records.reports import Report

log = structlog.get_logger(__name__)
blueprint = APIBlueprint("feedback", __name__)

_HOW: Final = 'send JSON such as {"prediction_id": "…", "label": "real"}, or the same fields as multipart/form-data'
_TROUBLE: Final = {
    LockHeld: "other reports are being changed; send the same again in a few seconds",
    StorageFull: "the disk is full; send the same again once the operator has made room",
    SourceError: "the report on this prediction is damaged; the operator finds the file named in the log",
}
_REFUSALS: Final = (
    "unknown_prediction", "already_reviewed", "not_your_report", "not_your_verdict", "other_image",
    "too_many_reports", "log_unavailable", "reports_unavailable", "no_room",
)  # fmt: skip


class Feedback(BaseModel):
    """What is said about the image of an earlier verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: str = Field(max_length=64, description="The `id` of the verdict", examples=[EXAMPLE_VERDICT.id])
    label: Literal["real", "ai"] = Field(description="What the image is", examples=["real"])
    comment: str = Field(default="", max_length=500, description="Why you think so, for the person who reviews it")
    consent: bool = Field(
        default=False, description="Whether the image may be kept, and trained on once reviewed", examples=[True]
    )


class Reported(BaseModel):
    """A report that was taken down."""

    id: str = Field(description="The verdict's id, which names your report on it; DELETE /feedback/<id> withdraws it")
    label: Literal["real", "ai"] = Field(description="What the image is, according to it")
    image_kept: bool = Field(description="Whether the image is kept with it, which takes the file and consent")
    report_token: str | None = Field(
        description=f"Licence to replace or withdraw the report, sent as {REPORT_HEADER}; null: your API key is that"
    )


class Withdrawn(BaseModel):
    """A report that is gone, and its image with it."""

    id: str = Field(description="The report that was withdrawn")
    kept_out: bool = Field(description="It had been accepted: its image is kept out of every later dataset version")
    left: list[str] = Field(description="What is still there of the image, and when it goes; empty: nothing is")


FEEDBACK: Final = Feedback(prediction_id=EXAMPLE_VERDICT.id, label="real")
_LICENCE: Final = "vY2b1n3K0sF9dQ4xWcJ7uLrT8aEoHgZ6mPqR5iSkNtA"
_REPORTED: Final = Reported(id=EXAMPLE_VERDICT.id, label="real", image_kept=False, report_token=_LICENCE)
_WITHDRAWN: Final = Withdrawn(id=EXAMPLE_VERDICT.id, kept_out=False, left=[])
"""As the documentation shows them."""


@blueprint.post("/feedback")
@blueprint.doc(responses=answers(*BODY, "too_many_parts", "unsupported_content_type", "bad_request", *_REFUSALS))
@blueprint.output(Reported, description="The report was taken down", example=_REPORTED.model_dump())
def give_feedback() -> Reported:
    """Say what an image really is.

    As JSON, or as multipart fields with the image as 'file', which is kept only with consent=true. Nothing is trained
    on it before enough reporters agree, or a person has looked. A second report of yours on a verdict replaces the
    first: under the same API key, or without one under the `report_token` that the first was answered with. Only who
    got the verdict may give its image.
    """
    _check_type(request.mimetype)
    shared, files, given = context(), read_files(request), _read_feedback(request)
    prediction = _find(given.prediction_id)
    reporter, image = _reporter(), _read_image(files.get(FIELD), prediction)
    kept = image if given.consent else None
    if kept is not None:
        _require_own(prediction, reporter)
    report = Report(prediction=prediction, label=given.label, comment=given.comment, image=kept)
    with _refusing_trouble():
        token = shared.reports.put(report, reporter)
    shared.metrics.feedback.labels(given.label, prediction.decision).inc()
    return Reported(id=prediction.id, label=given.label, image_kept=kept is not None, report_token=token)


@blueprint.delete("/feedback/<report_id>")
@blueprint.doc(responses=answers("unknown_report", "not_your_report", "reports_unavailable"))
@blueprint.output(Withdrawn, description="The report is gone", example=_WITHDRAWN.model_dump())
def withdraw_feedback(report_id: str) -> Withdrawn:
    """Withdraw a report of yours.

    It is deleted with its image. Was it accepted, the image is also kept out of every later dataset version, and the
    pipeline erases it; `left` says what is there until then. An API key withdraws what was reported under it, without
    one the `report_token` does. An admin's key withdraws any report: its own, or else all on that verdict.
    """
    with _refusing_trouble():
        done = context().reports.withdraw(report_id, _reporter())
    if done is None:
        raise Refusal("unknown_report", f"you made no report '{report_id[:64]}': it was withdrawn, or never given")
    return Withdrawn(id=report_id, kept_out=done.kept_out, left=list(done.left))


def _reporter() -> Reporter:
    key = g.get("key")
    return Reporter(
        key=key.name if key else None,
        token=request.headers.get(REPORT_HEADER),
        is_admin=key is not None and key.may("admin"),
    )


def _require_own(prediction: Prediction, reporter: Reporter) -> None:
    """Raise Refusal unless the reporter is who got the verdict, and so may say what becomes of its image."""
    if (prediction.client, prediction.client == ANONYMOUS) != (reporter.name, reporter.key is None):
        raise Refusal(
            "not_your_verdict",
            "the verdict was given to another caller, who alone may have its image kept: leave out consent, or have"
            " the image judged yourself and report on that verdict",
        )


@contextmanager
def _refusing_trouble() -> Iterator[None]:
    """Answer what keeps the lake from taking or giving up a report as a problem; the log has the whole story."""
    try:
        yield
    except (TruegrainError, OSError, ArrowException) as error:
        log.warning("reports unavailable", exc_info=True)
        why = next((why for kind, why in _TROUBLE.items() if isinstance(error, kind)), "the lake cannot be reached")
        raise Refusal("reports_unavailable", f"the report was left as it was: {why}") from error


def _check_type(kind: str) -> None:
    if kind == "application/x-www-form-urlencoded":
        raise Refusal("unsupported_content_type", f"the content type '{kind}' carries no report; {_HOW}")


def _read_feedback(request: Request) -> Feedback:
    given = request.form.to_dict() if request.mimetype == FORM else _read_json(request)
    if isinstance(given, dict) and (unknown := next((name for name in given if name not in Feedback.model_fields), "")):
        raise Refusal("bad_request", f"{unknown[:40]}: there is no such field; {_HOW}")
    try:
        return Feedback.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "the body"
        raise Refusal("bad_request", f"{where}: {problem['msg']}; {_HOW}") from error


def _read_json(request: Request) -> object:
    try:
        return from_json(request.get_data(cache=False))
    except ValueError as error:
        raise Refusal("bad_request", f"the body is no JSON: {error}; {_HOW}") from error


def _find(prediction_id: str) -> Prediction:
    shared = context()
    try:
        found = shared.predictions.find(prediction_id) if ID.fullmatch(prediction_id) else None
    except (SQLAlchemyError, OSError) as error:
        raise Refusal("log_unavailable", "the prediction log cannot be reached; try again later") from error
    if found is None:
        raise Refusal(
            "unknown_prediction",
            f"no prediction '{prediction_id}' was given here in the last {shared.predictions.days} days, or only this"
            " second: send the `id` of a verdict",
        )
    return found


def _read_image(file: FileStorage | None, prediction: Prediction) -> bytes | None:
    """Return the bytes of the file that was sent along; raises Refusal unless they are those of the prediction."""
    if file is None:
        return None
    image = bytes(file.read())
    if (found := hashlib.sha256(image).hexdigest()) != prediction.image_sha256:
        raise Refusal(
            "other_image",
            f"the file's SHA-256 is {found}, the prediction was about {prediction.image_sha256}: send the same bytes",
        )
    return image
