"""Bounds the size of each request's body by what its route takes."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, Literal

from apiflask import APIFlask
from flask import Request, request

from model.images.decoding import Limits

Body = Literal["nothing", "text", "image", "images", "report"]

BODIES: Final[Mapping[str, Body]] = MappingProxyType(
    {
        "/predict": "image",
        "/predict/batch": "images",
        "/predict/compare": "image",
        "/predict/explain": "image",
        "/feedback": "report",
        "/feedback/<report_id>": "nothing",
        "/receipts/verify": "text",
    }
)
"""What a request to a route carries, unless its method is one of BODILESS.

- 'image': one image, in a form or alone
- 'images': a form of images, together as large as BATCH_WEIGHT of the largest image
- 'report': text; in a form, also one image
- 'text': at most TEXT_BYTES; also for every route that is not listed
"""

BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods whose requests have no body."""

TEXT_BYTES: Final = 16_384
"""Most bytes of a body of text: a report has at most 600 bytes, and a receipt 8 kB."""

MULTIPART_OVERHEAD: Final = 64 * 1024
"""Most bytes of a form beside its files: boundaries, headers, long file names."""

BATCH_WEIGHT: Final = 4
"""Most bytes and pixels of a batch, as multiples of the largest image: they bound a worker's memory and time."""

FORM: Final = "multipart/form-data"


def init_app(app: APIFlask, limits: Limits) -> None:
    """Bound the body of each request by what its route carries, and an image by `limits`."""
    app.config["MAX_CONTENT_LENGTH"] = TEXT_BYTES
    app.before_request(partial(_bound, limits))


def carried(request: Request) -> Body:
    """Return what the body of `request` may carry."""
    if request.url_rule is None or request.method in BODILESS:
        return "nothing"
    return BODIES.get(request.url_rule.rule, "text")


def describe_excess(request: Request) -> str:
    """Return a sentence that names the most bytes of such a request, for one that was larger."""
    most = request.max_content_length or 0
    if most <= TEXT_BYTES:
        return f"the body of the request is larger than {most:,} bytes, which is the most accepted here"
    most -= MULTIPART_OVERHEAD
    return f"the request holds more than {most:,} bytes of image data, which is the most accepted here"


def _bound(limits: Limits) -> None:
    body = carried(request)
    if body == "image" or (body == "report" and request.mimetype == FORM):
        request.max_content_length = limits.max_bytes + MULTIPART_OVERHEAD
    elif body == "images":
        request.max_content_length = BATCH_WEIGHT * limits.max_bytes + MULTIPART_OVERHEAD
    else:
        request.max_content_length = TEXT_BYTES
