"""A detector is checked in a separate process, which ends within its bounds whatever the detector does."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from model.detectors import artifact
from model.errors import ArtifactError
from model.settings import Settings
from service.sidecars.detector_check import check_apart, make_check

PLENTY = 4_000_000_000
PARENT = """
import sys
from pathlib import Path
from service.sidecars.detector_check import check_apart
check_apart(Path(sys.argv[1]), seconds=60, most_bytes=4_000_000_000)
"""


def test_a_good_detector_passes_within_the_default_bounds(tiny_artifact: Callable[..., Path]) -> None:
    make_check(Settings())(tiny_artifact())


def test_a_detector_that_does_not_compute_what_it_promised_is_refused_with_the_reason(
    tiny_artifact: Callable[..., Path],
) -> None:
    folder = tiny_artifact()
    (folder / artifact.GOLDEN).write_bytes((tiny_artifact(1.0) / artifact.GOLDEN).read_bytes())
    with pytest.raises(ArtifactError, match=r"output probability is .* away from its golden value"):
        check_apart(folder, seconds=60, most_bytes=PLENTY)


def test_a_detector_that_never_ends_is_ended(endless_artifact: Path) -> None:
    before = children()
    with pytest.raises(ArtifactError, match=r"within 3 s, which TRUEGRAIN_CHECK_SECONDS sets"):
        check_apart(endless_artifact, seconds=3, most_bytes=PLENTY)
    assert children() <= before


def test_a_detector_that_asks_for_more_memory_than_it_may_is_refused(hungry_artifact: Path) -> None:
    with pytest.raises(ArtifactError, match=r"may take 4,000,000,000 bytes of memory: see TRUEGRAIN_CHECK_BYTES"):
        check_apart(hungry_artifact, seconds=60, most_bytes=PLENTY)


def test_too_little_memory_to_begin_with_names_the_setting(tiny_artifact: Callable[..., Path]) -> None:
    with pytest.raises(ArtifactError, match=r"TRUEGRAIN_CHECK_BYTES"):
        check_apart(tiny_artifact(), seconds=60, most_bytes=60_000_000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind a child to its parent's death")
def test_a_check_ends_with_the_follower_that_was_killed(endless_artifact: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(endless_artifact)]) as follower:
        checking = psutil.Process(follower.pid)
        await_true(lambda: any("detector_check" in " ".join(child.cmdline()) for child in checking.children()))
        await_true(lambda: any(child.cpu_times().user > 1 for child in checking.children()))
        (child,) = checking.children()
        follower.kill()
    await_true(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
