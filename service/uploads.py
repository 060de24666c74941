"""The one image that a request carries: its bytes, in memory, or a Refusal that says how to send it."""

import io
from contextlib import suppress
from typing import IO, cast

from apiflask import APIFlask
from flask import Request, Response, request
from werkzeug.datastructures import FileStorage
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from service.context import context
from service.problems import Refusal

FIELD = "file"
HOW = f"send one image as the multipart field '{FIELD}', or as the body with an image/* content type"

MULTIPART_OVERHEAD = 64 * 1024
"""What the frame around one file may take, in bytes: boundaries, headers, a long file name."""

_CHUNK = 256 * 1024
_PATIENCE = 4
"""How many times the largest request we read and throw away, so that its sender lives to see the answer."""


class MemoryRequest(Request):
    """A request whose files stay in memory: Werkzeug would write those above 500 kB to a temporary file."""

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
        """Return the body as Werkzeug does, but raise ClientDisconnected for one that is shorter than announced."""
        stream = super().stream
        known = self.content_length
        return stream if known is None else cast(IO[bytes], LimitedStream(self.environ["wsgi.input"], known))


def init_app(app: APIFlask) -> None:
    """Bound the size of every request and let the sender of a refused one finish."""
    app.request_class = MemoryRequest
    limits = app.extensions["truegrain"].limits
    app.config["MAX_CONTENT_LENGTH"] = limits.max_bytes + MULTIPART_OVERHEAD
    app.after_request(_swallow_rest)


def read_image_bytes(request: Request) -> bytes:
    """Return the bytes of the image that `request` carries; raises Refusal when it does not carry exactly one."""
    kind = request.mimetype
    if kind == "multipart/form-data":
        return bytes(_only_file(request).read())
    if kind in {"", "application/octet-stream"} or kind.startswith("image/"):
        return request.get_data(cache=False)
    raise Refusal("unsupported_content_type", f"the content type '{kind}' carries no image; {HOW}")


def _only_file(request: Request) -> FileStorage:
    files = request.files.getlist(FIELD)
    if len(files) == 1:
        return files[0]
    if files:
        raise Refusal("several_files", f"the field '{FIELD}' holds {len(files)} files; {HOW}")
    if FIELD in request.form:
        raise Refusal("missing_file", f"the field '{FIELD}' holds text, not a file (curl: -F {FIELD}=@photo.jpg)")
    sent = ", ".join(f"'{name[:40]}'" for name in [*request.files, *request.form][:5]) or "none"
    raise Refusal("missing_file", f"no field '{FIELD}' was sent, fields are: {sent}; {HOW}")


def _swallow_rest(response: Response) -> Response:
    """Read what a refused request still sends.

    Otherwise the connection is reset while the client writes, and it reports a broken pipe in place of our answer.
    Only under a server that ends the stream with the request, such as gunicorn; elsewhere the read could block.
    """
    if request.environ.get("wsgi.input_terminated"):
        left = _PATIENCE * (context().limits.max_bytes + MULTIPART_OVERHEAD)
        with suppress(OSError):  # the connection was broken off
            while left > 0 and (chunk := request.environ["wsgi.input"].read(_CHUNK)):
                left -= len(chunk)
    return response
