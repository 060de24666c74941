"""The progress that is shown while Truegrain starts."""

import io

import pytest

from truegrain_local.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_carries_the_time_since_the_beginning() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    clock.now = 75.4
    progress.say("MLflow answers")
    assert stream.getvalue() == "[ 1:15] MLflow answers\n"


def test_a_terminal_is_told_nothing_to_obey() -> None:
    stream = Terminal()
    Progress(stream, clock=Clock()).show("  ai/\x1b[2J\x1b]0;mine\x07\n.jpg")
    assert stream.getvalue() == "[ 0:00]   ai/ [2J ]0;mine  .jpg"


def test_on_a_terminal_the_moving_line_is_wiped_before_the_next_one() -> None:
    stream = Terminal()
    progress = Progress(stream, clock=Clock())
    progress.show("epoch 1")
    progress.say("done")
    assert stream.getvalue() == "[ 0:00] epoch 1\r\x1b[2K[ 0:00] done\n"


def test_without_a_terminal_the_moving_line_is_printed_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    for second in range(25):
        clock.now = float(second)
        progress.show(f"epoch {second}")
    assert stream.getvalue() == "[ 0:10] epoch 10\n[ 0:20] epoch 20\n"


def test_waiting_ends_when_it_is_so() -> None:
    answers = iter([False, False, True])
    Progress(io.StringIO()).wait("it", lambda: next(answers), seconds=10, pause=0)
    assert next(answers, None) is None


def test_waiting_too_long_says_for_what() -> None:
    with pytest.raises(TimeoutError, match="MLflow answers did not happen within 0 s"):
        Progress(io.StringIO()).wait("MLflow answers", lambda: False, seconds=0, pause=0.01)
