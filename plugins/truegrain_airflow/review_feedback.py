"""Implements the tasks of `review_feedback`, from settling users' reports to keeping a person's answers."""

import logging
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context

from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.erasure import erase_what_is_asked

PATIENCE = timedelta(hours=23)
"""How long a question waits. It ends before the next daily run, which asks again about old and new reports."""

_TASK = "ask"
_KEEP, _LEAVE = "Keep my answers", "Leave them all"
log = logging.getLogger("truegrain.feedback")


def settle() -> str | None:
    """Settle the reports that need no person; returns the task `ask` if reports are left, else None.

    Two XComs hold the question: `question` as Markdown, and `images`, the images' hashes in the order of their numbers.
    """
    from model.feedback.reporters import VotingLimits
    from model.feedback.review import settle
    from model.feedback.review_form import choose, describe
    from model.pages.review_page import remove_page, write_page

    settings, lake = read_settings(), open_lake()
    influence, now = VotingLimits.of(settings), datetime.now(UTC)
    found = settle(lake, influence=influence, lock=settings.reports_lock, now=now)
    log.info("%d images accepted by agreement, %d need a person", found.accepted, len(found.questions))
    log.info("%d images wait for a report that includes the file and consent", found.without_file)
    asked = choose(found.questions)
    if not asked:
        remove_page(lake.root)
        return None
    task = get_current_context()["ti"]
    task.xcom_push("question", describe(found, asked, str(write_page(lake.root, asked))))
    task.xcom_push("images", [question.image_sha256 for question in asked])
    return _TASK


def ask() -> HITLOperator:
    """Return the task that asks a person and waits without occupying a worker. Without an answer nothing changes."""
    return HITLOperator(
        task_id=_TASK,
        subject="What are these images? Users say that the detector is wrong about them.",
        body="{{ ti.xcom_pull('settle', key='question') }}",
        options=[_KEEP, _LEAVE],
        defaults=_LEAVE,
        params={
            "ai": _numbers("Numbers of the images that are AI, one a line: 1, or 4-7"),
            "real": _numbers("Numbers of the images that are real"),
            "no_use": _numbers("Numbers of the images that should not be trained on"),
        },
        response_timeout=PATIENCE,
    )


def keep() -> None:
    """Write the answers into the reports; raises FeedbackError for a number that is not in the question."""
    from model.feedback.review import keep
    from model.feedback.review_form import read_answers
    from model.labels import AI, CLASSES, REAL
    from model.pages.review_page import remove_page

    task, lake = get_current_context()["ti"], open_lake()
    response, images = task.xcom_pull(_TASK), task.xcom_pull("settle", key="images")
    if response["chosen_options"] == [_KEEP]:
        given = response["params_input"]
        numbers = {CLASSES[AI]: given["ai"], CLASSES[REAL]: given["real"], None: given["no_use"]}
        numbers = {label: listed or () for label, listed in numbers.items()}
        by = response["responded_by_user"]["name"]
        lock = read_settings().reports_lock
        written = keep(lake, read_answers(images, numbers), lock=lock, by=by, now=datetime.now(UTC))
        log.info("%s decided on %d reports", by, written)
    remove_page(lake.root)


def erase() -> None:
    """Erase accepted images that reporters took back; raises what `Eraser.erase` raises."""
    erase_what_is_asked(log)


def _numbers(description: str) -> Param:
    return Param([], type=["null", "array"], description=description)
