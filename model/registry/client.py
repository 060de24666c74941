"""Opens MLflow's client with short timeouts, and translates its errors into RegistryError and RegistryUnavailable."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from model.errors import RegistryError, RegistryUnavailable, in_one_line

if TYPE_CHECKING:
    from mlflow import MlflowClient

CLIENT_ENVIRONMENT = {
    # A registry that is down is noticed within 10 s (2 requests of 4 s and a pause), not after MLflow's 4 minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Environment variables of MLflow's client; a variable that is already set keeps its value."""

MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's codes for a missing run, version or file. The second is its code for an alias that is not set."""
PRESENT = "RESOURCE_ALREADY_EXISTS"
RACED = "BAD_REQUEST"
"""MLflow 3.17 looks for a tag or an alias and then adds it. The loser of a race between two writers gets this code."""


_OF_FILES: Final = frozenset({"list_artifacts", "download_artifacts", "log_artifact", "log_artifacts"})
"""Calls about the files of a run, whose id is the first argument."""

_PROXIED: Final = "mlflow-artifacts"
_FIRST: Final = "0"
"""The experiment that a server makes at its first start, where it keeps files unless told otherwise."""


class Translating:
    """A client of MLflow whose calls raise RegistryUnavailable or RegistryError, never an error of MLflow.

    Files are read and written only where the server itself keeps files. Anyone who can write to MLflow can make an
    experiment whose files are in a bucket, or in a folder of this machine. MLflow's own client would go there.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._within: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        method = translated()(getattr(self._client, name))
        if name not in _OF_FILES:
            return method

        def call(run_id: str, *values: Any, **named: Any) -> Any:
            self._require_within(run_id)
            return method(run_id, *values, **named)

        return call

    def keeps(self, place: str) -> bool:
        """Tell whether the server keeps files at `place`, a URI of an experiment or a run, unless told otherwise."""
        parts = urlsplit(place)
        if ".." in parts.path.split("/"):
            return False
        if parts.scheme == _PROXIED and not parts.netloc:
            return True
        root: str = self.get_experiment(_FIRST).artifact_location
        return place.startswith(f"{root.removesuffix(_FIRST).rstrip('/')}/")

    def _require_within(self, run_id: str) -> None:
        if run_id in self._within:
            return
        place: str = self.get_run(run_id).info.artifact_uri
        if not self.keeps(place):
            raise RegistryError(
                f"run {run_id} has its files at '{in_one_line(place[:200])}', where this MLflow keeps none by itself:"
                " look who made its experiment, and make the experiment anew, without an artifact location"
            )
        self._within.add(run_id)


def open_client(tracking_uri: str) -> "MlflowClient":
    """Return a `Translating` client of the server at `tracking_uri`; its first call is the first contact.

    MLflow is imported here, not before: the import takes seconds, and telemetry starts with it.
    """
    for variable, value in CLIENT_ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    from mlflow import MlflowClient

    return cast("MlflowClient", Translating(MlflowClient(tracking_uri, registry_uri=tracking_uri)))


@contextmanager
def translated() -> Iterator[None]:
    """Turn MLflow's errors into RegistryUnavailable (no answer) or RegistryError (the server refused)."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield
    except (MlflowException, RequestException) as error:
        if _is_silence(error):
            raise RegistryUnavailable(
                "the model registry does not answer; repeat the step once it does: the step finishes what it began."
                f" The cause: {error}"
            ) from error
        raise RegistryError(f"the model registry refused: {error}") from error
    except MemoryError as error:  # an answer has no bound: a version may have any number of tags of 100 kB
        raise RegistryError("the model registry's answer does not fit into memory: look who wrote so much") from error


def upsert(write: Callable[[], None]) -> None:
    """Set a tag or an alias, and try once more if another process added the same one at the same moment."""
    try:
        write()
    except RegistryError as error:
        if _code(error) != RACED:
            raise
        write()


@contextmanager
def skipped_on(*error_codes: str) -> Iterator[None]:
    """Leave the block silently if the server answers with one of `error_codes`."""
    try:
        yield
    except RegistryError as error:
        if _code(error) not in error_codes:
            raise


def _code(error: RegistryError) -> str | None:
    """Return the code of MLflow's refusal; None if the error does not come from an answer of the server."""
    return getattr(error.__cause__, "error_code", None)


def _is_silence(error: Exception) -> bool:
    """Return whether an error means that nobody answered, not that the server refused.

    The cause is the request's own error, which MLflow's error hides.
    """
    from requests import HTTPError, RequestException

    hidden = error if isinstance(error, RequestException) else error.__cause__ or error.__context__
    return isinstance(hidden, RequestException) and not isinstance(hidden, HTTPError)
