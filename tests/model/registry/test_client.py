import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, PERMISSION_DENIED
from pytest_httpserver import HTTPServer

from model.errors import RegistryError, RegistryUnavailable
from model.registry import Registry
from model.registry.client import translated, upsert

Write = Callable[..., Path]


@pytest.fixture(params=["nobody listens", "nobody answers"])
def dead_address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a port that refuses connections, or of one that accepts them and stays silent."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "nobody answers":
            listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_registry_that_is_down_is_unavailable(dead_address: str, tmp_path: Path) -> None:
    models = Registry(dead_address, model_name="detector", lock=tmp_path / "lock", experiment="tests")
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        models.resolve("production")
    with pytest.raises(RegistryUnavailable), models.run("train", params={}):
        pytest.fail("the run must not start")


def test_a_registry_behind_a_broken_proxy_is_unavailable(tmp_path: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_request(re.compile(".*")).respond_with_data(status=503)
    models = Registry(
        httpserver.url_for("").rstrip("/"), model_name="detector", lock=tmp_path / "lock", experiment="tests"
    )
    with pytest.raises(RegistryUnavailable):
        models.resolve("production")
    assert httpserver.log != []


def test_importing_the_registry_does_not_import_mlflow() -> None:
    script = "import sys, model.registry; print('mlflow' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "False"


@pytest.fixture
def refusals() -> list[int]:
    """Error codes with which the next writes are refused, used from the end."""
    return []


@pytest.fixture
def write(refusals: list[int]) -> Callable[[], None]:
    @translated()
    def write_or_refuse() -> None:
        if refusals:
            raise MlflowException("UNIQUE constraint failed: model_version_tags.key", error_code=refusals.pop())

    return write_or_refuse


def test_a_tag_that_another_added_at_the_same_moment_is_set_at_the_second_attempt(
    refusals: list[int], write: Callable[[], None]
) -> None:
    refusals.append(BAD_REQUEST)
    upsert(write)
    assert refusals == []


@pytest.mark.parametrize("refused", [[BAD_REQUEST, BAD_REQUEST], [BAD_REQUEST, PERMISSION_DENIED]])
def test_a_tag_that_is_refused_for_good_is_an_error(
    refusals: list[int], write: Callable[[], None], refused: list[int]
) -> None:
    refusals.extend(refused)
    with pytest.raises(RegistryError, match="UNIQUE constraint failed"):
        upsert(write)


def test_an_answer_that_does_not_fit_into_memory_is_an_error_of_the_registry() -> None:
    """Whoever may write to MLflow makes it as large as they like; the follower has a bound and goes on."""
    with pytest.raises(RegistryError, match="does not fit into memory"), translated():
        raise MemoryError
