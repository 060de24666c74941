"""Reads the images that a request carries into memory, or raises a Refusal that says how to send them."""

import io
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Final, cast

from apiflask import APIFlask
from flask import Request, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from model.images.decoding import Limits
from service.answers.problems import Refusal
from service.metrics.service import Metrics
from service.protection.bodies import FORM, MULTIPART_OVERHEAD

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FIELD = "file"
HOW = f"send one image as the multipart field '{FIELD}', or as the body with an image/* content type"

BATCH_FIELD = "files"
MOST_FILES = 64
"""Most images in a batch."""

LONGEST_NAME = 1_000
"""Characters kept of a file's name; a part may have half a megabyte of them, which the answer repeats as escapes."""

HOW_MANY = f"send 1 to {MOST_FILES} images, each as a multipart field '{BATCH_FIELD}'"

_ANY_BYTES: Final = {"", "application/octet-stream", "binary/octet-stream"}
"""Content types that say nothing of the body. S3 gives files the last one."""

_CHUNK: Final = 64 * 1024

SILENCE_SECONDS: Final = 2
"""How long the sender of a refused upload may be silent before its rest has come."""

REST_SECONDS: Final = 30
"""How long the rest of a refused upload is read in all."""

_PATIENCE: Final = 4
"""Most of a refused upload that is read, so that its sender can read the answer; a multiple of the largest body."""


class MemoryRequest(Request):
    """A request whose files stay in memory: Werkzeug would write files above 500 kB to a temporary file."""

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 - the signature is Werkzeug's
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return io.BytesIO()

    @cached_property
    def stream(self) -> IO[bytes]:
        """Return the body as Werkzeug does; reading one that is shorter than announced raises ClientDisconnected."""
        stream = super().stream
        known = self.content_length
        return stream if known is None else cast(IO[bytes], LimitedStream(self.environ["wsgi.input"], known))


def init_app(app: APIFlask, limits: Limits) -> None:
    """Read the rest of a refused upload behind its answer, so that its sender can read the answer."""
    app.after_request(partial(_read_on, limits))


@dataclass(frozen=True)
class NamedFile:
    """A file of a batch, by the name its sender gave it, of LONGEST_NAME characters at most."""

    name: str
    data: bytes


def read_image_bytes(request: Request, metrics: Metrics) -> bytes:
    """Return the bytes of the image that `request` carries; raises Refusal when it does not carry exactly one."""
    kind = request.mimetype
    if kind == FORM:
        data = _read_only_file(request)
    elif kind in _ANY_BYTES or kind.startswith("image/"):
        data = request.get_data(cache=False)
    else:
        raise Refusal("unsupported_content_type", f"the content type '{kind}' carries no image; {HOW}")
    metrics.file_received(len(data))
    return data


def read_batch(request: Request, metrics: Metrics) -> list[NamedFile]:
    """Return the files that `request` carries; raises Refusal for no file, or for more than MOST_FILES."""
    if request.mimetype != FORM:
        raise Refusal("unsupported_content_type", f"the content type '{request.mimetype}' carries no batch; {HOW_MANY}")
    files = read_files(request).getlist(BATCH_FIELD)
    if not files:
        raise _missing_file(request, BATCH_FIELD, HOW_MANY)
    if len(files) > MOST_FILES:
        raise Refusal("too_many_files", f"the batch holds {len(files)} files; {HOW_MANY}")
    received = [NamedFile((file.filename or "")[:LONGEST_NAME], bytes(file.read())) for file in files]
    for file in received:
        metrics.file_received(len(file.data))
    return received


def _read_only_file(request: Request) -> bytes:
    files = read_files(request).getlist(FIELD)
    if not files:
        raise _missing_file(request, FIELD, HOW)
    if len(files) > 1:
        raise Refusal("several_files", f"the field '{FIELD}' holds {len(files)} files; {HOW}")
    return bytes(files[0].read())


def read_files(request: Request) -> MultiDict[str, FileStorage]:
    """Return the files of a form, none when `request` carries no form; raises Refusal when it has too many parts."""
    try:
        return request.files
    except RequestEntityTooLarge as error:
        if (request.content_length or 0) <= (request.max_content_length or 0):
            raise Refusal(
                "too_many_parts",
                f"the form has more than {request.max_form_parts:,} parts, or more than"
                f" {request.max_form_memory_size:,} bytes of text",
            ) from error
        raise


def _missing_file(request: Request, field: str, how: str) -> Refusal:
    if field in request.form:
        return Refusal("missing_file", f"the field '{field}' holds text, not a file (curl: -F {field}=@photo.jpg)")
    # Werkzeug gives a part without a name the name None.
    sent = [f"'{(name or '')[:40]}'" for name in [*request.files, *request.form][:5]]
    if not sent:
        return Refusal("missing_file", f"the form is empty, its boundary is wrong, or a name in it is not UTF-8; {how}")
    return Refusal("missing_file", f"no field '{field}' was sent, fields are: {', '.join(sent)}; {how}")


def read_rest(environ: "WSGIEnvironment", limits: Limits) -> None:
    """Read and discard the rest of a refused upload before its answer is sent, up to _PATIENCE times the largest body.

    Otherwise the connection is reset while the client writes, and the client reports a broken pipe in place of our
    answer. Nor may the answer come first: gunicorn loses a next request that it reads together with the rest. The rest
    is read only under a server that hands over its socket, such as gunicorn.
    """
    if connection := environ.get("gunicorn.socket"):
        _discard(environ["wsgi.input"], connection, _PATIENCE * (limits.max_bytes + MULTIPART_OVERHEAD))


def _read_on(limits: Limits, response: Response) -> Response:
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        read_rest(request.environ, limits)
    return response


def _discard(body: IO[bytes], connection: socket.socket, most: int) -> None:
    until, left = time.monotonic() + REST_SECONDS, most
    before = connection.gettimeout()
    connection.settimeout(SILENCE_SECONDS)
    with suppress(OSError, ParseException):  # the client is gone or silent, or sends no HTTP
        while left > 0 and time.monotonic() < until and (chunk := body.read(_CHUNK)):
            left -= len(chunk)
    with suppress(OSError):  # it may be closed meanwhile
        connection.settimeout(before)
