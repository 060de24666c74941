"""Fuzzing finds, names and keeps an input that breaks a parser."""

import subprocess
import sys
from pathlib import Path

import pytest

from truegrain_fuzz.running import run

pytest.importorskip("atheris", reason="`make fuzz` installs Atheris")

FUZZER = """
import sys, atheris

def parse(data):
    if data.startswith(b"!"):
        {break_}

atheris.Setup(sys.argv, parse)
atheris.Fuzz()
"""


def fuzzer(folder: Path, break_: str, *options: str) -> list[str]:
    (folder / "seeds").mkdir()
    (folder / "seeds" / "one").write_bytes(b"!")
    (folder / "fuzzer.py").write_text(FUZZER.format(break_=break_))
    options = ("-print_final_stats=1", f"-artifact_prefix={folder}/", *options)
    return [sys.executable, str(folder / "fuzzer.py"), str(folder / "seeds"), *options]


@pytest.mark.parametrize(
    ("break_", "limit", "reason"),
    [
        ("raise ValueError('a brittle parser')", "-rss_limit_mb=0", "ValueError: a brittle parser"),
        ("import time; time.sleep(30)", "-timeout=4", "libFuzzer: timeout"),
        ("held = b'a' * 1_200_000_000; import time; time.sleep(2)", "-rss_limit_mb=1000", "libFuzzer: out-of-memory"),
    ],
)
def test_an_input_that_breaks_a_parser_is_kept_with_the_reason(
    tmp_path: Path, break_: str, limit: str, reason: str
) -> None:
    # A child counts the peak memory of its parent as its own, so only one case has a limit. The last option counts.
    outcome = run("brittle", fuzzer(tmp_path, break_, "-rss_limit_mb=0", limit))
    assert reason in outcome.reason
    assert outcome.broken is not None
    assert outcome.broken.read_bytes().startswith(b"!")


def test_a_parser_that_holds_is_counted(tmp_path: Path) -> None:
    outcome = run("solid", fuzzer(tmp_path, "pass", "-runs=100"))
    assert (outcome.target, outcome.executions, outcome.broken, outcome.reason) == ("solid", 100, None, "")


def test_a_target_that_cannot_run_is_an_error_with_its_output() -> None:
    with pytest.raises(RuntimeError, match=r"the target 'none' ended with status 1:\n(.|\n)*no such parser"):
        run("none", [sys.executable, "-c", "raise SystemExit('no such parser')"])


def test_an_unknown_target_is_refused_with_those_that_are_known() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "truegrain_fuzz", "jpeg"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "unknown: jpeg; known are image, receipt" in ended.stderr
