"""A lock has one holder and bounded waits, and no child outlives its parent."""

import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from model.errors import LockHeld
from model.processes import locked

PARENT = """
import subprocess, sys
from model.processes import die_with_parent
child = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(child, preexec_fn=die_with_parent).pid, flush=True)
sys.stdin.read()
"""


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_who_cannot_have_it_is_told_which_file_is_held(lock: Path) -> None:
    with locked(lock), pytest.raises(LockHeld, match=rf"held {lock} for 0 s; try again"), locked(lock, seconds=0):
        pass


def test_it_is_let_go_of_whatever_happens(lock: Path) -> None:
    with pytest.raises(ValueError, match="mistake"), locked(lock):
        raise ValueError("a mistake")
    with locked(lock, seconds=0):
        pass


def test_its_folder_is_made(tmp_path: Path) -> None:
    with locked(tmp_path / "new" / "lock"):
        assert (tmp_path / "new" / "lock").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind a child to its parent's death")
def test_a_child_dies_with_a_parent_that_is_killed_outright() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    deadline = time.monotonic() + 20
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


LIMITED = """
import sys, time
from contextlib import nullcontext
from model.processes import beat, beating, limit_this_process
limit_this_process(memory_bytes=400_000_000, step_seconds=1)
try:
    bytearray(500_000_000)
except MemoryError:
    print("refused", flush=True)
with beating() if sys.argv[1] == "library" else nullcontext():
    while time.process_time() < 5:
        if sys.argv[1] == "beats" or time.process_time() < 1:
            beat()
print("done", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process so")
@pytest.mark.parametrize(
    ("how", "said", "code"),
    [("beats", "refused\ndone\n", 0), ("library", "refused\ndone\n", 0), ("stops", "refused\n", -24)],
)
def test_a_process_ends_that_computes_for_long_without_a_beat(how: str, said: str, code: int) -> None:
    ended = subprocess.run([sys.executable, "-c", LIMITED, how], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == (said, code)


def test_a_lock_cannot_be_held_by_another_user(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600
