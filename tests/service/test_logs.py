"""The log contains no API keys, whichever program writes to it."""

import json
import logging
import logging.config
import struct
import subprocess
import sys

import numpy as np

from service.logs import LOGGING, LONGEST_EVENT
from service.protection.api_keys import make_secret, strike_out


def as_configured() -> logging.Formatter:
    described = dict(LOGGING["formatters"]["json"])  # a copy, for it is taken apart
    formatter = logging.config.DictConfigurator(LOGGING).configure_formatter(described)
    assert isinstance(formatter, logging.Formatter)
    return formatter


def test_a_key_is_struck_out_wherever_a_line_quotes_it() -> None:
    secret = make_secret()
    formatter = as_configured()
    error = ValueError(f"a header such as X-API-Key: {secret}")
    record = logging.LogRecord("gunicorn.error", 30, "f", 1, f"refused {secret}", (), (ValueError, error, None))
    line = formatter.format(record)
    assert secret not in line
    assert json.loads(line)["event"] == "refused tg_***"


def test_a_header_that_is_quoted_fills_no_line_and_no_key_is_left_of_it() -> None:
    secret = make_secret()
    formatter = as_configured()
    for before in range(LONGEST_EVENT - len(secret), LONGEST_EVENT):
        text = "\xff" * before + secret + "\xff" * 8_000
        line = formatter.format(logging.LogRecord("gunicorn.error", 30, "f", 1, text, (), None))
        assert len(line) < 7 * LONGEST_EVENT
        assert secret[:8] not in line


def test_other_text_is_left_alone() -> None:
    assert strike_out("tg_short is a name") == "tg_short is a name"


DECODE = """
import sys
from model.images.decoding import decode
from service.logs import configure_logging
configure_logging()
print(decode(sys.stdin.buffer.read()).format)
"""


def broken_fax(rows: int) -> bytes:
    """A black and white TIFF of which each row is broken, in CCITT's group 3."""
    packed = np.random.default_rng(1).integers(0, 256, 2 * rows, dtype=np.uint8).tobytes()
    values = {256: 8, 257: rows, 258: 1, 259: 3, 262: 1, 273: 0, 277: 1, 278: rows, 279: len(packed)}
    place = 8 + 2 + 12 * len(values) + 4
    entries = b"".join(struct.pack("<HHLL", tag, 4, 1, place if tag == 273 else value) for tag, value in values.items())
    return b"II*\0" + struct.pack("<LH", 8, len(values)) + entries + bytes(4) + packed


def test_a_fax_of_broken_rows_writes_none_into_the_log() -> None:
    image = broken_fax(5_000)
    silent = subprocess.run([sys.executable, "-c", DECODE], input=image, capture_output=True, check=True)
    assert silent.stdout == b"TIFF\n"
    assert silent.stderr == b""
    loud = DECODE.replace("configure_logging()\n", "")
    told = subprocess.run([sys.executable, "-c", loud], input=image, capture_output=True, check=True)
    assert len(told.stderr) > 100_000, "a file that provokes no lines proves nothing"
