"""Sends and receives frames between parent and child: a JSON object and bytes. A received frame cannot run code."""

import json
import struct
from typing import IO, Any, Final

_LENGTHS: Final = struct.Struct(">IQ")
_MOST_JSON: Final = 100_000_000
_MOST_BYTES: Final = 100_000_000_000

encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Writes JSON. No frame refers to itself, and the search for references to itself takes longer than the writing."""

Frame = tuple[dict[str, Any], bytes]


def send(stream: IO[bytes], message: dict[str, Any], data: bytes = b"") -> None:
    """Write a frame; the stream is not flushed."""
    text = encode(message).encode()
    stream.write(_LENGTHS.pack(len(text), len(data)) + text)
    stream.write(data)


def receive(stream: IO[bytes], *, most_json: int = _MOST_JSON, most_bytes: int = _MOST_BYTES) -> Frame | None:
    """Read a frame; None if the stream ends, or if what follows is no frame or exceeds a limit (in bytes)."""
    head = stream.read(_LENGTHS.size)
    if len(head) < _LENGTHS.size:
        return None
    of_text, of_data = _LENGTHS.unpack(head)
    if of_text > most_json or of_data > most_bytes:
        return None
    text, data = stream.read(of_text), stream.read(of_data)
    if len(text) < of_text or len(data) < of_data:
        return None
    try:
        message = json.loads(text.decode())  # else json guesses the encoding
    except ValueError:
        return None
    return (message, data) if isinstance(message, dict) else None
