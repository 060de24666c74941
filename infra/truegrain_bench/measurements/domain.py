"""Measures how often the default detector refuses to judge: images like its own, and real photographs."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import requests

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest, split_rows
from model.labels import CLASSES, REAL
from model.registry.version_tags import DATASET_VERSION
from model.sources.kinds import read_source
from truegrain_bench.results.results import Figure
from truegrain_rig.stack import Stack

VARIABLE: Final = "PHOTOGRAPHS"
"""Environment variable that names a folder or an archive with real photographs, and perhaps AI images."""
COMMAND: Final = f"{VARIABLE}=<folder or archive> make bench"

_AT_ONCE: Final = 16


def unsure_shares(stack: Stack) -> Iterator[Figure]:
    """Send the test images, and the photographs that VARIABLE names, to the service of a stack.

    Without the variable only the test images are sent.
    """
    lake = Lake(stack.settings.lake_url)
    rows = split_rows(read_manifest(lake, stack.summary["version"]["tags"][DATASET_VERSION]), "test")
    answers = list(_judge(stack.service, lake.read_images(rows)))
    outside = [answer["in_domain"] is False for answer in answers]
    yield Figure("domain.test_unsure", round(sum(outside) / len(outside), 4), "share", "make bench")
    if location := os.environ.get(VARIABLE):
        photographs = (image.data for image in read_source(location) if image.label == CLASSES[REAL])
        decisions = [answer["decision"] for answer in _judge(stack.service, photographs)]
        yield Figure("domain.photos_unsure", round(decisions.count("unsure") / len(decisions), 4), "share", COMMAND)


def _judge(service: str, images: Iterable[bytes]) -> Iterator[dict[str, object]]:
    remaining = iter(images)
    while group := list(islice(remaining, _AT_ONCE)):
        answer = requests.post(f"{service}/predict/batch", files=[("files", data) for data in group], timeout=60)
        answer.raise_for_status()
        for item in answer.json()["items"]:
            yield item["verdict"]
