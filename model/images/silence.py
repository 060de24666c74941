"""Keeps libtiff from writing to standard error about damaged pictures."""

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import features

_LOADED: Final = Path("/proc/self/maps")


def silence_libtiff() -> None:
    """Switch off libtiff's messages: a fax of 400 kB can cause 200,000 lines. Does nothing on other systems than Linux.

    Pillow has no setting for it, so the library that Pillow has loaded is found in the memory map of this process.
    """
    features.check("libtiff")  # loads the library
    with suppress(OSError, AttributeError):
        loaded = _LOADED.read_text()
        for path in {line.split()[-1] for line in loaded.splitlines() if "/libtiff" in line}:
            ctypes.CDLL(path).TIFFSetErrorHandler(None)
