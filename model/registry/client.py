"""The edge to MLflow: how its client behaves here, and its errors in our words."""

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import RegistryError, RegistryUnavailable
from model.lock import locked

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
"""How MLflow's client behaves here; it reads nothing but variables, and those already set win."""

MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""No such run, version or file; the second is how MLflow reports an alias that nobody has set."""
PRESENT = "RESOURCE_ALREADY_EXISTS"
_TURN_SECONDS = 60
"""How long one waits for another's promotion, which is many requests."""
RACED = "BAD_REQUEST"
"""MLflow 3.17 looks for a tag or an alias and then adds it; to whom another came first in between, it says this."""


@dataclass(frozen=True)
class Connection:
    """Which model of which MLflow server is meant; nothing is contacted before the first call of `client`.

    `lock` is a file shared by all who change which version is in production, `experiment` the one for new runs.
    """

    tracking_uri: str
    model_name: str
    lock: Path
    experiment: str

    @functools.cached_property
    def client(self) -> "MlflowClient":
        """MLflow's client, imported on first use."""
        from mlflow import MlflowClient

        return MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock under which versions are made and production changes hands; raises LockHeld."""
        return locked(self.lock, seconds=_TURN_SECONDS)


@contextmanager
def translated() -> Iterator[None]:
    """Turn MLflow's errors into RegistryUnavailable (no answer) or RegistryError (any other answer than hoped for)."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield
    except (MlflowException, RequestException) as error:
        if _is_silence(error):
            raise RegistryUnavailable(
                "the model registry does not answer; once it does, repeat the step: it finishes what was begun."
                f" The cause: {error}"
            ) from error
        raise RegistryError(f"the model registry refused: {error}") from error


def _is_silence(error: Exception) -> bool:
    """Tell a request that nobody answered properly, by what MLflow's own error hides, from one that was refused."""
    from requests import HTTPError, RequestException

    hidden = error if isinstance(error, RequestException) else error.__cause__ or error.__context__
    return isinstance(hidden, RequestException) and not isinstance(hidden, HTTPError)


def upsert(write: Callable[[], None]) -> None:
    """Set a tag or an alias, once more when another has added the same one at the same moment: now it is there."""
    from mlflow.exceptions import MlflowException

    try:
        write()
    except MlflowException as error:
        if error.error_code != RACED:
            raise
        write()


@contextmanager
def skipped_on(*error_codes: str) -> Iterator[None]:
    """Leave the block silently when the server answers with one of these codes."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in error_codes:
            raise
