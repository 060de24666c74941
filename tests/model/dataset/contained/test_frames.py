"""Frames arrive as they were sent, and bytes that are no frame end the connection."""

import io

import pytest

from model.dataset.contained.frames import receive, send


def test_frames_come_back_one_after_another() -> None:
    stream = io.BytesIO()
    send(stream, {"begin": [1, 2], "path": "ä\udcff"}, b"")
    send(stream, {"row": {"brightness": 0.1, "icc": None}}, b"\x00bytes")
    stream.seek(0)
    assert receive(stream) == ({"begin": [1, 2], "path": "ä\udcff"}, b"")
    assert receive(stream) == ({"row": {"brightness": 0.1, "icc": None}}, b"\x00bytes")
    assert receive(stream) is None


def test_a_message_that_is_too_long_ends_the_conversation() -> None:
    for length, is_read in ((100, True), (101, False)):
        stream = io.BytesIO()
        send(stream, {"row": "x" * (length - len('{"row":""}'))})
        stream.seek(0)
        assert (receive(stream, most_json=100) is not None) is is_read


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x00\x02" + bytes(8) + b"{",
        b"\x00\x00\x00\x02" + bytes(8) + b"[]",
        b"\x00\x00\x00\x02" + bytes(8) + b"{]",
        b"\xff\xff\xff\xff" + bytes(8) + b"{}",
        b"\x00\x00\x00\x02" + bytes(7) + b"\x0b{}" + bytes(11),
        b"\x00\x00\x00\x02" + bytes(7) + b"\x09{}" + bytes(8),
    ],
)
def test_what_is_no_frame_ends_the_conversation(content: bytes) -> None:
    assert receive(io.BytesIO(content), most_bytes=10) is None
