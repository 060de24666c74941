"""Makes reports of users on images by hand."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from upath import UPath

from model.feedback.reports import UserReport, write_report

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_number = count()


def hash_of(image: str) -> str:
    return hashlib.sha256(image.encode()).hexdigest()


def say(client: str, label: str = "ai", image: str = "cat", **about: Any) -> UserReport:
    """Return a statement of `client` with the file, dated an hour before NOW; each call is dated later."""
    number = next(_number)
    values: dict[str, Any] = {
        "id": f"{number:032x}",
        "image_sha256": hash_of(image),
        "label": label,
        "client": client,
        "comment": "",
        "probability": 0.2,
        "reported_at": NOW - timedelta(hours=1) + timedelta(milliseconds=number),
        "kept": True,
    }
    return UserReport(**values | about)


def say_all(clients: Iterable[str], label: str = "ai", image: str = "cat", **about: Any) -> list[UserReport]:
    return [say(client, label, image, **about) for client in clients]


def write_said(lake: UPath, said: UserReport, image: bytes) -> UserReport:
    """Write a report on `image` into the lake, as the service does; with the image's file unless it is not kept."""
    sha256 = hashlib.sha256(image).hexdigest()
    written = replace(said, image_sha256=sha256)
    values = {name: value for name, value in asdict(written).items() if name not in ("id", "kept")}
    values |= {"image": {"bytes": image if said.kept else None, "path": f"{sha256}.png"}}
    write_report(lake, said.id, values | {"model_version": "1", "decision": "real"})
    return written
