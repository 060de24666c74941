"""Checks that the service serves the promoted version, and gets its verdict on an image nobody trained on."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import requests

from model.dataset.demonstration import is_drawn
from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest, split_rows
from model.settings import Settings
from service import keys
from service.protection.access import KEY_HEADER
from service.protection.api_keys import Key, KeyFile, hash_of, make_secret
from truegrain_local.errors import LaunchError
from truegrain_local.programs import HOST, logs
from truegrain_local.progress import Progress
from truegrain_rig.process import served_version

FOLLOW_SECONDS = 60.0
"""How long the service may take to switch to a promoted version."""


@dataclass(frozen=True)
class Sample:
    """An image of the test split, its true label, its source, and its place in the source."""

    data: bytes
    label: str
    source: str
    origin: str


def service_url(settings: Settings) -> str:
    """Return the address of the service on this machine."""
    return f"http://{HOST}:{settings.service_port}"


def wait_until_served(settings: Settings, version: str, progress: Progress) -> None:
    """Wait until the service serves `version`; raises LaunchError after FOLLOW_SECONDS."""
    what = f"service serves version {version}"
    try:
        progress.wait(what, lambda: served_version(service_url(settings)) == version, seconds=FOLLOW_SECONDS)
    except TimeoutError as error:
        raise LaunchError(str(error), logs(settings) / "service.log") from error
    progress.say(what)


def take_sample(settings: Settings, *, sources: Collection[str] = ()) -> Sample:
    """Return an image from the test split of the newest dataset version, even if no detector was promoted on it.

    The choice prefers, in this order:

    1. an image of one of the `sources` of this run
    2. an image of a user, before a drawn one
    3. an AI-generated image, before a real one
    """
    lake = Lake(settings.lake_url)
    version = lake.latest()
    if version is None:
        raise LaunchError(f"the lake {settings.lake_url} holds no dataset version")
    rows = split_rows(read_manifest(lake, version), "test")
    wanted = {
        "foreign": ~rows["source"].isin(sources),
        "drawn": is_drawn(rows["origin"]),
        "real": rows["label"] != "ai",
    }
    best = pd.DataFrame(wanted).sort_values(list(wanted), kind="stable").index[:1]
    (data,) = lake.read_images(rows.loc[best])
    label, source, origin = (str(rows.loc[best[0], name]) for name in ("label", "source", "origin"))
    return Sample(data, label, source, origin)


def predict(settings: Settings, data: bytes) -> dict[str, Any]:
    """Ask the service for a verdict; raises LaunchError with its answer when it gives none."""
    log = logs(settings) / "service.log"
    try:
        with lend_key(settings) as headers:
            answer = requests.post(
                f"{service_url(settings)}/predict", files={"file": data}, headers=headers, timeout=30
            )
    except requests.RequestException as error:
        raise LaunchError(f"/predict gave no answer: {error}", log) from error
    if not answer.ok:
        raise LaunchError(f"/predict answered {answer.status_code}: {answer.text}", log)
    verdict: dict[str, Any] = answer.json()
    return verdict


@contextmanager
def lend_key(settings: Settings) -> Iterator[dict[str, str]]:
    """Yield headers with an API key that is valid within the block; without `require_auth` yield no headers."""
    if not settings.require_auth:
        yield {}
        return
    path, secret = settings.api_keys_path, make_secret()
    name = f"make-up-{hash_of(secret)[:8]}"
    keys.write(keys.add(KeyFile.read(path), Key(name=name, roles=("predict",), hashes=(hash_of(secret),))), path)
    try:
        yield {KEY_HEADER: secret}
    finally:
        keys.write(keys.revoke(KeyFile.read(path), name), path)
