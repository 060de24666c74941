"""Keeps the decoders from writing about what they find wrong with a picture; its sender is told enough."""

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import _imaging as _imaging  # what loads libtiff

_LOADED: Final = Path("/proc/self/maps")


def silence_libtiff() -> None:
    """Let libtiff write nothing to standard error, where a fax of 400 kB can have 200,000 lines written.

    Pillow offers no way to do so. It takes Linux to find the library that Pillow has loaded.
    """
    with suppress(OSError, AttributeError):
        loaded = _LOADED.read_text()
        for path in {line.split()[-1] for line in loaded.splitlines() if "/libtiff" in line}:
            ctypes.CDLL(path).TIFFSetErrorHandler(None)
