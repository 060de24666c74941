"""Opens MLflow's client with short timeouts, and translates its errors into RegistryError and RegistryUnavailable."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from model.errors import RegistryError, RegistryUnavailable

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


class Translating:
    """A client of MLflow whose calls raise RegistryUnavailable or RegistryError, never an error of MLflow."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return translated()(getattr(self._client, name))


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
