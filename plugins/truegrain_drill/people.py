"""Simulates people who report the right labels of images, each with their own API key."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from model.dataset.lake import Lake
from model.feedback.reporters import VotingLimits
from model.feedback.review import settle
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from truegrain_drill.traffic import CLIENTS, ask, post

_LOG_SECONDS: Final = 3.0
"""Time until a verdict is in the prediction log, where reports need it. The log is written asynchronously."""


def count_reporters(images: int, settings: Settings) -> int:
    """Return how many reporters are needed for `images` images.

    Each image needs as many reporters as must agree, and each reporter may bring in a limited number of images.
    """
    return settings.feedback_agreement * math.ceil(images / settings.feedback_per_reporter)


def make_keys(settings: Settings, count: int) -> list[str]:
    """Make an API key for each reporter and return the secrets."""
    return [_make_key(settings, f"reporter-{number}") for number in range(1, count + 1)]


def report(address: str, images: Sequence[LabelledImage], secrets: Sequence[str], settings: Settings) -> int:
    """Let as many reporters as must agree get a verdict on each image, and report its label together with the file.

    Returns the number of reports; raises TruegrainError if the service refuses a request.
    """
    size, most = settings.feedback_agreement, settings.feedback_per_reporter
    teams = [secrets[begin : begin + size] for begin in range(0, len(secrets), size)]
    work = [
        (image, {"Authorization": f"Bearer {secret}"})
        for at, image in enumerate(images)
        for secret in teams[at // most]
    ]
    with ThreadPoolExecutor(CLIENTS) as clients:
        verdicts = list(clients.map(lambda each: ask(address, each[0].data, headers=each[1]), work))
        time.sleep(_LOG_SECONDS)
        sent = [(image, headers, verdict["id"]) for (image, headers), verdict in zip(work, verdicts, strict=True)]
        return sum(clients.map(lambda each: _report(address, *each), sent))


def review(settings: Settings) -> int:
    """Settle the reports, as `review_feedback` does; return the number of accepted images."""
    lake, influence = Lake(settings.lake_url), VotingLimits.of(settings)
    return settle(lake, influence=influence, lock=settings.reports_lock, now=datetime.now(UTC)).accepted


def _report(address: str, image: LabelledImage, headers: dict[str, str], prediction_id: str) -> bool:
    said = {"prediction_id": prediction_id, "label": image.label, "consent": "true"}
    return post(f"{address}/feedback", data=said, files={"file": image.data}, headers=headers).ok


def _make_key(settings: Settings, name: str) -> str:
    """Make a key with the service's own program; plugins may not import the service."""
    command = [sys.executable, "-m", "service.keys", "add", "--role", "predict", "--role", "feedback", name]
    done = subprocess.run(  # noqa: S603 - an argument list without a shell
        command, env={**os.environ, **settings.to_environment()}, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.splitlines()[0]
