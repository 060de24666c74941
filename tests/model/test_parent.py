import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import subprocess, sys
from model.parent import die_with_parent
child = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(child, preexec_fn=die_with_parent).pid, flush=True)
sys.stdin.read()
"""


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


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
