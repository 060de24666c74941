"""LabelledImage, which every source yields: the bytes of an image and what the source claims about it."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from model.errors import SourceError

NOT_STATED: Final = "not stated"
"""Shown to people in place of a licence that is not stated."""

LONGEST_NAME: Final = 255
"""Most characters of the name of a source, a generator or a collection: as many as a file name may have."""

LONGEST_LICENCE: Final = 500
"""Most characters of a licence: its name and its address, not its text."""

LONGEST_REVISION: Final = 200
"""Most characters of a revision: the hash of a commit has 40, an ETag of S3 at most 38."""

LONGEST_ORIGIN: Final = 1_000
"""Most characters of the path of an image inside its source. Assembling a version holds the paths of all images."""

_LONGEST: Final = {
    "source": LONGEST_NAME,
    "generator": LONGEST_NAME,
    "collection": LONGEST_NAME,
    "licence": LONGEST_LICENCE,
    "revision": LONGEST_REVISION,
    "origin": LONGEST_ORIGIN,
}
_SHOWN: Final = 200

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that end a line, or steer a terminal. No form of Airflow could name what has them in its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """One image as a source hands it over: its untouched bytes and what the source claims about it.

    - `label`: 'real' or 'ai'.
    - `origin`: where inside the source the image was found.
    - `generator`: None for a real image.
    - `split`: the source's own 'train', 'val' or 'test', or None.
    - `licence`: the licence in the words of the source, or None.
    - `collection`: the group of images inside the source that this image belongs to, or None.
    - `revision`: the commit or the ETag of the file that held the image, or None.
    """

    data: bytes
    label: str
    source: str
    origin: str
    generator: str | None = None
    split: str | None = None
    licence: str | None = None
    collection: str | None = None
    revision: str | None = None

    def refuse_unfit_claims(self) -> None:
        """Raise SourceError for a source, generator, licence or another claim that is too long: rows repeat them.

        Also for control characters in them, but not in an origin: a file may be called so.
        """
        if len(self.origin) <= LONGEST_ORIGIN and _are_fit(*(getattr(self, name) for name in _REPEATED)):
            return
        for name, most in _LONGEST.items():
            claim = getattr(self, name) or ""
            if name != "origin" and (found := _CONTROL.search(claim)):
                raise SourceError(
                    f"The {name} of the image '{self.origin[:_SHOWN]}' has the control character {found[0]!r} in it: "
                    f"{claim[:_SHOWN]!r}. Rename it."
                )
            if len(claim) > most:
                raise SourceError(
                    f"The {name} of the image '{self.origin[:_SHOWN]}' of the source '{self.source[:_SHOWN]}' has "
                    f"{len(claim):,} characters; at most {most:,} are kept, and it begins with '{claim[:50]}'. "
                    "Shorten it."
                )


_REPEATED: Final = tuple(name for name in _LONGEST if name != "origin")


@lru_cache(maxsize=1024)
def _are_fit(*claims: str | None) -> bool:
    """Whether claims that many images repeat (_REPEATED) can be kept, so that most images are not searched again."""
    named = zip(_REPEATED, claims, strict=True)
    return all(len(claim) <= _LONGEST[name] and not _CONTROL.search(claim) for name, claim in named if claim)
