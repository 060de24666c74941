"""How large the body of a request may be: a bound for each route, all of them here."""

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
"""What the body of a request to a route carries, if its method is not one of BODILESS.

'image' is the largest image, in a form or alone; 'images' are BATCH_WEIGHT of them; a 'report' is text, and in a form
it may have an image with it. A route that is not listed takes as much as 'text', so little.
"""

BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods whose requests carry nothing."""

TEXT_BYTES: Final = 16_384
"""What a body of text may weigh: a report has 600 bytes, and a receipt 8 kB at most."""

MULTIPART_OVERHEAD: Final = 64 * 1024
"""What the frame around the files may take, in bytes: boundaries, headers, long file names."""

BATCH_WEIGHT: Final = 4
"""How many of the largest images a batch may weigh, in bytes and in pixels: bounds a worker's memory and time."""

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
    """Say what a request may weigh that weighed more."""
    most = request.max_content_length or 0
    if most <= TEXT_BYTES:
        return f"the body of the request is larger than {most:,} bytes, which is the most accepted here"
    most -= MULTIPART_OVERHEAD
    return f"the request is larger than {most:,} bytes of image data can make it, which is the most accepted here"


def _bound(limits: Limits) -> None:
    body = carried(request)
    if body == "image" or (body == "report" and request.mimetype == FORM):
        request.max_content_length = limits.max_bytes + MULTIPART_OVERHEAD
    elif body == "images":
        request.max_content_length = BATCH_WEIGHT * limits.max_bytes + MULTIPART_OVERHEAD
    else:
        request.max_content_length = TEXT_BYTES
