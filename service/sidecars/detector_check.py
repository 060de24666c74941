"""Checks a detector in a separate process, within bounds of memory and time, since its file may be hostile.

The process, `python -m service.sidecars.detector_check <folder> <bytes> <seconds> <parent>`, prints why it refuses.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Final

from model.errors import HOPELESS_STATUS, ArtifactError
from model.processes import die_with_parent
from model.settings import Settings

Check = Callable[[Path], object]
"""Raises ArtifactError unless the artifact in a folder loads and reproduces its golden outputs."""

_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy's threads would otherwise take address space for each core, without any use here."""

_WRITES_AT_MOST: Final = 1_000_000
_TOLD: Final = 2_000
"""Most characters of the process's output that an error quotes."""


def make_check(settings: Settings) -> Check:
    """Return the check, with the bounds that `settings` give."""
    return partial(check_apart, seconds=settings.check_seconds, most_bytes=settings.check_bytes)


def check_apart(folder: Path, *, seconds: float, most_bytes: int) -> None:
    """Load the artifact in `folder` in a separate process, and check its golden outputs there.

    Raises ArtifactError with the reason when the artifact is refused, takes longer than `seconds`, or needs more than
    `most_bytes` of address space.
    """
    command = [sys.executable, "-m", "service.sidecars.detector_check"]
    command += [str(folder), str(most_bytes), str(seconds), str(os.getpid())]
    with tempfile.TemporaryFile() as said:  # RLIMIT_FSIZE bounds a file, but not a pipe
        try:
            ended = subprocess.run(  # noqa: S603 - an argument list without a shell
                command,
                env=os.environ | _ONE_THREAD,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ArtifactError(
                f"the detector did not load and pass its check within {seconds:g} s, which TRUEGRAIN_CHECK_SECONDS sets"
            ) from error
        if ended.returncode == 0:
            return
        words = _last_words(said)
    if ended.returncode == HOPELESS_STATUS:
        raise ArtifactError(words)
    raise ArtifactError(
        f"the process that checked the detector ended with status {ended.returncode}; a negative status is a signal,"
        f" most often for more memory than the {most_bytes:,} bytes of TRUEGRAIN_CHECK_BYTES. Its last words: {words}"
    )


def main(arguments: list[str]) -> int:
    """Check the artifact in the folder that the arguments name; return the exit status."""
    folder, most_bytes, seconds, parent = arguments
    die_with_parent()
    if os.getppid() != int(parent):  # the parent has ended already
        return 1
    _limit(int(most_bytes), float(seconds))
    try:
        from model.detectors.detector import Detector  # imported within the limits

        Detector.load(Path(folder))
    except (ArtifactError, MemoryError) as error:
        told = str(error)[:_TOLD]
        if isinstance(error, MemoryError) or "alloc" in told:  # onnxruntime words a lack of memory in several ways
            told = f"{told} The detector may take {int(most_bytes):,} bytes of memory: see TRUEGRAIN_CHECK_BYTES."
        print(told)
        return HOPELESS_STATUS
    return 0


def _limit(most_bytes: int, seconds: float) -> None:
    """Bound the time, files and memory of this process; only Linux has a bound of memory that holds."""
    limits = {resource.RLIMIT_FSIZE: _WRITES_AT_MOST, resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: int(seconds) + 1}
    if sys.platform == "linux":
        limits |= {resource.RLIMIT_AS: most_bytes, resource.RLIMIT_DATA: most_bytes}  # the follower's own is another
    for limit, most in limits.items():
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def _last_words(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - _TOLD))
    return said.read().decode(errors="replace").strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
