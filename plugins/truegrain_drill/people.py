"""People who know better than the detector report what images are, each with an API key of their own."""

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
"""Until a verdict is in the prediction log, which is written beside the requests, and can be reported on."""


def count_reporters(images: int, settings: Settings) -> int:
    """Return how many people it takes, when as many as must agree see each image and nobody may bring in more."""
    return settings.feedback_agreement * math.ceil(images / settings.feedback_per_reporter)


def make_keys(settings: Settings, count: int) -> list[str]:
    """Make an API key for each reporter and return the secrets."""
    return [_make_key(settings, f"reporter-{number}") for number in range(1, count + 1)]


def report(address: str, images: Sequence[LabelledImage], secrets: Sequence[str], settings: Settings) -> int:
    """Have each image judged and its label reported, with the image, by as many reporters as must agree.

    Returns the number of reports; raises TruegrainError when one is not taken.
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
    """Settle what the reporters agree on, as `review_feedback` does; return how many images that brought in."""
    lake, influence = Lake(settings.lake_url), VotingLimits.of(settings)
    return settle(lake, influence=influence, lock=settings.reports_lock, now=datetime.now(UTC)).accepted


def _report(address: str, image: LabelledImage, headers: dict[str, str], prediction_id: str) -> bool:
    said = {"prediction_id": prediction_id, "label": image.label, "consent": "true"}
    return post(f"{address}/feedback", data=said, files={"file": image.data}, headers=headers).ok


def _make_key(settings: Settings, name: str) -> str:
    """Have the service's own program make a key, for its code is none of ours to import."""
    command = [sys.executable, "-m", "service.keys", "add", "--role", "predict", "--role", "feedback", name]
    done = subprocess.run(  # noqa: S603 - an argument list without a shell
        command, env={**os.environ, **settings.to_environment()}, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.splitlines()[0]
