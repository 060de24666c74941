"""POST and DELETE /feedback: stores a user's report of what an image really is, and withdraws reports."""

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
    LockHeld: "other reports are being changed; send the request again in a few seconds",
    StorageFull: "the disk is full; send the request again once the operator has made room",
    SourceError: "the report on this prediction is damaged; the service's log names the file for the operator",
}
_REFUSALS: Final = (
    "unknown_prediction", "already_reviewed", "not_your_report", "not_your_verdict", "other_image",
    "too_many_reports", "log_unavailable", "reports_unavailable", "no_room",
)  # fmt: skip


class Feedback(BaseModel):
    """What the caller says about the image of an earlier verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: str = Field(max_length=64, description="The `id` of the verdict", examples=[EXAMPLE_VERDICT.id])
    label: Literal["real", "ai"] = Field(description="What the image is", examples=["real"])
    comment: str = Field(default="", max_length=500, description="Why you think so, for the person who reviews it")
    consent: bool = Field(
        default=False, description="Whether the image may be kept, and trained on once reviewed", examples=[True]
    )


class Reported(BaseModel):
    """A report that was stored."""

    id: str = Field(
        description="Id of the verdict and of your report on it; DELETE /feedback/<id> withdraws the report"
    )
    label: Literal["real", "ai"] = Field(description="What the image is, according to the report")
    image_kept: bool = Field(
        description="Whether the image is stored with the report, which takes the file and consent"
    )
    report_token: str | None = Field(
        description=f"Send it as {REPORT_HEADER} to replace or withdraw the report; null: your API key does that"
    )


class Withdrawn(BaseModel):
    """A report that was withdrawn; its image was deleted."""

    id: str = Field(description="The report that was withdrawn")
    kept_out: bool = Field(
        description="Whether the report had been accepted: then its image is kept out of all later dataset versions"
    )
    left: list[str] = Field(description="What still exists of the report and its image, and until when; empty: nothing")


FEEDBACK: Final = Feedback(prediction_id=EXAMPLE_VERDICT.id, label="real")
_LICENCE: Final = "vY2b1n3K0sF9dQ4xWcJ7uLrT8aEoHgZ6mPqR5iSkNtA"
_REPORTED: Final = Reported(id=EXAMPLE_VERDICT.id, label="real", image_kept=False, report_token=_LICENCE)
_WITHDRAWN: Final = Withdrawn(id=EXAMPLE_VERDICT.id, kept_out=False, left=[])
"""As the documentation shows them."""


@blueprint.post("/feedback")
@blueprint.doc(responses=answers(*BODY, "too_many_parts", "unsupported_content_type", "bad_request", *_REFUSALS))
@blueprint.output(Reported, description="The report was stored", example=_REPORTED.model_dump())
def give_feedback() -> Reported:
    """Say what an image really is.

    Send JSON, or multipart fields with the image as 'file'. The image is stored only with consent=true, and only for
    the caller that got the verdict. Nothing is trained on the image before enough reporters agree or a person has
    reviewed the report. A second report of yours on a verdict replaces the first one. Send it with the same API key,
    or without a key with the `report_token` of the first report.
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
@blueprint.output(Withdrawn, description="The report was deleted", example=_WITHDRAWN.model_dump())
def withdraw_feedback(report_id: str) -> Withdrawn:
    """Withdraw a report of yours.

    The report is deleted with its image. If the report had been accepted, the image is kept out of all later dataset
    versions, and the pipeline erases it. Of a reviewed report the finding stays,
    without image and comment. `left` says what still exists. A report under an API key is withdrawn
    with the same key, a report without a key with its `report_token`. An admin's key withdraws its own report, or else
    all reports on the verdict.
    """
    with _refusing_trouble():
        done = context().reports.withdraw(report_id, _reporter())
    if done is None:
        raise Refusal(
            "unknown_report", f"there is no report '{report_id[:64]}' of yours: it was withdrawn, or never made"
        )
    return Withdrawn(id=report_id, kept_out=done.kept_out, left=list(done.left))


def _reporter() -> Reporter:
    key = g.get("key")
    return Reporter(
        key=key.name if key else None,
        token=request.headers.get(REPORT_HEADER),
        is_admin=key is not None and key.may("admin"),
    )


def _require_own(prediction: Prediction, reporter: Reporter) -> None:
    """Raise Refusal unless the reporter got the verdict: only that caller may have the image stored."""
    if (prediction.client, prediction.client == ANONYMOUS) != (reporter.name, reporter.key is None):
        raise Refusal(
            "not_your_verdict",
            "the verdict was given to another caller, and only that caller may have its image stored: leave out"
            " consent, or have the image judged yourself and report on your own verdict",
        )


@contextmanager
def _refusing_trouble() -> Iterator[None]:
    """Turn errors of the lake into the problem `reports_unavailable`; the log has the whole error."""
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
            f"the log of the last {shared.predictions.days} days has no prediction '{prediction_id}': send the `id` of"
            " a verdict; after a verdict of this second, try again in a few seconds",
        )
    return found


def _read_image(file: FileStorage | None, prediction: Prediction) -> bytes | None:
    """Return the bytes of the file, None without one; raises Refusal unless it is the image of the prediction."""
    if file is None:
        return None
    image = bytes(file.read())
    if (found := hashlib.sha256(image).hexdigest()) != prediction.image_sha256:
        raise Refusal(
            "other_image",
            f"the file's SHA-256 is {found}, the prediction was about {prediction.image_sha256}: send the same bytes",
        )
    return image
