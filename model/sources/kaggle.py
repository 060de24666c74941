"""Downloads datasets of Kaggle, once, into kagglehub's cache; the cached folder is then read as a source."""

import re
from typing import Final

from requests import ConnectionError as Unreachable
from requests import HTTPError, Timeout

from model.errors import SourceError, UnreadableSource

PREFIX: Final = "kaggle:"

_HANDLE = re.compile(r"[\w-]+/[\w-]+(/versions/\d+)?")
_BY_HAND = "or download it by hand and name the folder"
_REFUSALS: Final = {
    401: "Kaggle does not know the credentials. Renew them at kaggle.com/settings",
    403: "Kaggle does not show the dataset. Set credentials (KAGGLE_USERNAME and KAGGLE_KEY, or "
    "~/.kaggle/kaggle.json), accept the terms on the dataset's page, correct the name",
    404: "Kaggle has no such dataset. Copy <owner>/<dataset> from the address of its page",
}


def is_dataset(location: str) -> bool:
    """Whether `location` names a dataset of Kaggle."""
    return location.startswith(PREFIX)


def download(location: str) -> str:
    """Download 'kaggle:<owner>/<dataset>[/versions/<n>]', unless it is in the cache; returns the folder.

    Raises SourceError, with the way out, in these cases: a misspelt location, a missing package, no network, no
    credentials, an unknown dataset.
    """
    handle = location.removeprefix(PREFIX)
    if not _HANDLE.fullmatch(handle):
        raise SourceError(f"'{location}' names no dataset of Kaggle. Write {PREFIX}<owner>/<dataset>.")
    try:
        from kagglehub import dataset_download
    except ImportError as error:
        raise UnreadableSource(
            f"The source '{location}' needs kagglehub, which is not installed here: `pip install 'truegrain[kaggle]'` "
            f"where the pipeline runs, {_BY_HAND}."
        ) from error
    try:
        return str(dataset_download(handle))
    except HTTPError as error:
        reason = _REFUSALS.get(error.response.status_code) if error.response is not None else None
        raise _failure(location, reason or f"Kaggle answers: {error}") from error
    except (Unreachable, Timeout) as error:
        raise _failure(location, "Kaggle cannot be reached. Is this machine online?") from error
    except Exception as error:  # kagglehub raises errors of its own that have nothing in common
        raise _failure(location, f"{type(error).__name__}: {error}") from error


def name_of(location: str) -> str:
    """Return the name of a dataset, to be used instead of the name of its folder in the cache, which is the version."""
    return location.removeprefix(PREFIX).split("/")[1]


def _failure(location: str, reason: str) -> UnreadableSource:
    return UnreadableSource(f"The source '{location}' cannot be downloaded: {reason}, {_BY_HAND}.")
