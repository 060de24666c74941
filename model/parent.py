"""Binds the life of a process to that of its parent."""

import ctypes
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
# Looked up here: between fork and exec, where `die_with_parent` may run, a child should take no lock of the loader.
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Have the kernel kill this process once the thread that started it has ended; does so on Linux only.

    Where the parent is killed outright, none of its own handlers can end its children. Fit for Popen's `preexec_fn`.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)
