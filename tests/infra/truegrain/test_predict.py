"""`truegrain predict` as a person or a script runs it, with a real service."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from model.detectors.training_data import DEMONSTRATION
from service.answers.verdict import EXAMPLE_VERDICT
from truegrain_rig.process import free_ports

Command = Callable[..., subprocess.CompletedProcess[str]]
Picture = Callable[..., bytes]


def test_each_picture_has_a_line_and_a_refused_one_its_reason(truegrain: Command, service: str, folder: Path) -> None:
    done = truegrain("predict", folder, "--url", service)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ai", "refused", "real"]
    assert "a.png" in lines[0]
    assert "broken.jpg  (not_an_image: " in lines[1]
    assert "by its first bytes" in lines[2]
    assert done.stderr == "1 ai; 1 real; 1 refused; 3 passed over, which do not look like images\n"
    assert done.returncode == 1


@pytest.mark.parametrize("extra", [(), ("--batch",)])
def test_json_lines_hold_the_verdict_or_the_problem(
    truegrain: Command, service: str, folder: Path, extra: tuple[str, ...]
) -> None:
    done = truegrain("predict", folder, "--url", service, "--json", "--receipt", "--stability", *extra)
    judged, refused, other = map(json.loads, done.stdout.splitlines())
    assert judged["file"] == str(folder / "a.png")
    assert (judged["verdict"]["decision"], judged["verdict"]["stability"]) == ("ai", 1)
    assert judged["verdict"]["receipt"].count(".") == 2
    assert refused["problem"]["reason"] == "not_an_image"
    assert other["verdict"]["image"]["format"] == "JPEG"
    assert done.returncode == 1


def test_one_picture_says_no_more_than_its_verdict(truegrain: Command, service: str, folder: Path) -> None:
    done = truegrain("predict", folder / "a.png", variables={"TRUEGRAIN_URL": service})
    assert done.stdout.split() == ["ai", "0.9824", str(folder / "a.png")]
    assert (done.stderr, done.returncode) == ("", 0)


def test_standard_input_is_a_picture(truegrain: Command, service: str, picture: Picture) -> None:
    done = truegrain("predict", "-", "--url", service, "--json", "--max-fpr", "0.05", stdin=picture(230))
    answer = json.loads(done.stdout)
    assert (answer["file"], answer["verdict"]["operating_point"]) == ("-", "0.05")
    assert done.returncode == 0


def test_batches_are_cut_to_what_the_service_takes(
    truegrain: Command, service: str, picture: Picture, tmp_path: Path
) -> None:
    """The service takes 400 kB a batch and four megapixels; six of these pictures have six, and one is too large."""
    many = tmp_path / "many"
    many.mkdir()
    for index in range(6):
        (many / f"{index}.png").write_bytes(picture(20 + 35 * index, size=(1000, 1000)))
    (many / "6.png").write_bytes(picture(230) + bytes(300_000))
    (many / "7.png").write_bytes(picture(230, size=(1001, 1000)))
    (many / "8.png").write_bytes(picture(230))
    done = truegrain("predict", many, "--url", service, "--json", "--batch")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(answer["file"]).stem for answer in answers] == list("012345678")
    words = [answer.get("verdict", {}).get("decision") or answer["problem"]["reason"] for answer in answers]
    assert words == ["real", "real", "real", "unsure", "ai", "ai", "too_many_bytes", "too_many_pixels", "ai"]


def test_a_file_that_cannot_be_read_is_refused_and_the_rest_judged(
    truegrain: Command, service: str, folder: Path
) -> None:
    (folder / "broken.jpg").unlink()
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    for extra in ([], ["--batch"]):
        done = truegrain("predict", folder, "--url", service, *extra)
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["ai", "refused", "real"]
        assert "unreadable: the file cannot be read: No such file" in done.stdout
        assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict",), "the following arguments are required: FILE"),
        (("predict", "nowhere.png"), "there is no file or folder 'nowhere.png'"),
        (("predict", "empty"), "no images in empty: 1 other files were passed over"),
        (("predict", "pictures", "--key-file", "nowhere"), "the API key cannot be read from 'nowhere'"),
        (("predict", "pictures", "--key-file", "empty/notes.txt"), "'empty/notes.txt' is empty"),
        (("predict", "pictures", "--timeout", "0"), "argument --timeout: invalid"),
        (("predict", "pictures", "--max-fpr", "0.3"), "no operating point for this rate"),
        ((), "required: command"),
        (("judge",), "invalid choice: 'judge'"),
    ],
)
def test_a_wrong_command_ends_with_2_and_the_reason(
    truegrain: Command, service: str, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    (folder.parent / "empty").mkdir()
    (folder.parent / "empty" / "notes.txt").touch()
    done = truegrain(*arguments, variables={"TRUEGRAIN_URL": service})
    assert words in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)


def test_a_service_that_is_not_there_ends_with_2(truegrain: Command, folder: Path) -> None:
    [port] = free_ports(1)
    done = truegrain("predict", folder, "--url", f"http://127.0.0.1:{port}")
    assert f"http://127.0.0.1:{port} does not answer" in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)


def test_the_key_comes_from_a_variable_or_a_file(truegrain: Command, service: str, folder: Path) -> None:
    """The service knows no key, so it names the key as the reason to refuse."""
    (folder.parent / "key").write_text("tg_secret\n")
    for arguments, variables in (((), {"TRUEGRAIN_KEY": "tg_secret"}), (("--key-file", "key"), {})):
        done = truegrain("predict", "pictures/a.png", "--url", service, *arguments, variables=variables)
        assert "the API key is not known here" in done.stderr
        assert "tg_secret" not in done.stderr
        assert done.returncode == 2


def test_a_name_cannot_steer_the_terminal(truegrain: Command, service: str, folder: Path, picture: Picture) -> None:
    (folder / "\x1b[2Jwhite.png").write_bytes(picture(250))
    done = truegrain("predict", folder, "--url", service)
    assert " [2Jwhite.png" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_reader_that_has_enough_ends_the_command_silently(service: str, folder: Path) -> None:
    command = [sys.executable, "-m", "truegrain", "predict", str(folder), "--url", service]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait() == 2


def test_control_c_ends_the_command_at_once(httpserver: HTTPServer, folder: Path) -> None:
    asked = threading.Event()
    httpserver.expect_request("/predict").respond_with_handler(lambda _: asked.set() or time.sleep(5))
    # Tests that run in the background of a shell ignore Control-C, and so would their children.
    listening = ["env", "--default-signal=INT"]
    command = [*listening, sys.executable, "-m", "truegrain", "predict", str(folder), "--url", httpserver.url_for("/")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        assert asked.wait(60)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
        assert running.stderr is not None
        assert running.stderr.read() == b""


def test_a_terminal_shows_how_far_it_is(service: str, folder: Path) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "truegrain", "predict", str(folder), "--url", service]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, check=False)
    os.close(terminal)
    shown = os.read(controller, 10_000).decode()
    os.close(controller)
    assert "1 of 3" in shown
    assert "3 of 3, 1 refused\r\x1b[K1 ai; 1 real; 1 refused" in shown
    assert b"\x1b" not in done.stdout


def test_the_command_loads_little(truegrain: Command) -> None:
    script = "import sys; import truegrain.predict; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "apiflask",
        "flask",
        "matplotlib",
        "mlflow",
        "numpy",
        "onnxruntime",
        "pandas",
        "PIL",
        "sqlalchemy",
        "torch",
    }
    assert "requests" in loaded
    assert set(loaded) & heavy == set()
    assert "exit status" in truegrain("predict", "--help").stdout
    assert "forget" in truegrain("privacy", "--help").stdout


def test_a_demonstration_is_called_one_and_notes_stand_beside_the_picture(
    truegrain: Command, httpserver: HTTPServer, folder: Path
) -> None:
    demonstration = EXAMPLE_VERDICT.model.model_copy(update={"demonstration": True})
    answer = EXAMPLE_VERDICT.model_copy(update={"model": demonstration}).model_dump(mode="json")
    httpserver.expect_request("/predict").respond_with_json(answer)
    done = truegrain("predict", folder / "a.png", "--url", httpserver.url_for("/"))
    assert "a.png  (The detector saw 56 % of the picture, the square in its middle.)" in done.stdout
    assert done.stderr == f"{DEMONSTRATION}\n"
