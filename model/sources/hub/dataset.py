"""Finds the commit of a data set on the hub, so that a whole run reads one revision."""

import re
from dataclasses import dataclass, replace
from typing import Final

from model.errors import SourceError
from model.sources.labelled_image import LabelledImage
from model.sources.retries import again
from model.sources.web.reach import Reach

PROTOCOL: Final = "hf"
PREFIX: Final = f"{PROTOCOL}://datasets/"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Pinned:
    """A data set on the hub at one commit.

    - `location`: the URL with the hash of the commit as its revision.
    - `name`: the name of the data set, which becomes the name of the source.
    - `licence`: the licence that the card of the data set names, or None.
    """

    location: str
    name: str
    commit: str
    licence: str | None

    def tell(self, image: LabelledImage) -> LabelledImage:
        """Return an image of the data set with the name, the licence and the commit of the data set."""
        return replace(image, source=self.name, licence=image.licence or self.licence, revision=self.commit)


def is_on_hub(location: str) -> bool:
    """Whether `location` is a URL of the hub."""
    return location.startswith(f"{PROTOCOL}://")


def pin(location: str, reach: Reach) -> Pinned:
    """Ask the hub for the commit of `hf://datasets/<owner>/<name>[@revision][/path]`.

    Raises SourceError, with the way out, for a misspelt location, a data set that may not be read, and a revision that
    is gone. Raises ImportError without the package huggingface_hub.
    """
    from huggingface_hub import parse_hf_uri
    from huggingface_hub.errors import HFValidationError

    from model.sources.hub.client import open_api

    try:
        asked = parse_hf_uri(location)
    except (HFValidationError, ValueError) as error:
        raise _misspelt(location) from error
    if asked.type != "dataset":
        raise _misspelt(location)
    api = open_api(reach)
    found = again(lambda: api.dataset_info(asked.id, revision=asked.revision, expand=["sha", "cardData"]), location)
    if not found.sha or not _COMMIT.fullmatch(found.sha):
        raise SourceError(f"The hub names no commit of '{location}': an empty data set has none.")
    path = f"/{asked.path_in_repo}" if asked.path_in_repo else ""
    return Pinned(
        location=f"{PREFIX}{asked.id}@{found.sha}{path}",
        name=asked.id.partition("/")[2],
        commit=found.sha,
        licence=_licence(found.card_data),
    )


def _licence(card: object) -> str | None:
    licence = getattr(card, "license", None)
    if isinstance(licence, list):
        licence = ", ".join(map(str, licence))
    return licence if isinstance(licence, str) and licence else None


def _misspelt(location: str) -> SourceError:
    return SourceError(
        f"'{location}' names no data set of the hub. Write hf://datasets/<owner>/<name>, with @<revision> behind the "
        "name and a path in the data set behind this, if you need them."
    )
