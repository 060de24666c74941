"""One finding: what a file says about where its picture comes from, and for which class that speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from model.errors import in_one_line

Source = Literal["c2pa", "camera", "generator_text"]
Says = Literal["ai", "real", "nothing"]

_LONGEST: Final = 120
"""Characters kept of a text that a stranger wrote."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a file says of itself: a claim, no proof, so that it never changes what the pixels say.

    Only signed Content Credentials (`c2pa`) cost anything to forge.
    """

    source: Annotated[Source, Field(description="Where in the file it stands")]
    says: Annotated[Says, Field(description="What it says about the origin of the image")]
    name: Annotated[str, Field(description="Who says it: a camera, a generator, a signer")]
    detail: Annotated[str, Field(description="What was found, in words")]


SOURCE_TYPES: Final[Mapping[str, tuple[Says, str]]] = MappingProxyType(
    {
        "trainedAlgorithmicMedia": ("ai", "created by a trained generator"),
        "compositeWithTrainedAlgorithmicMedia": ("nothing", "put together with parts from a trained generator"),
        "compositeSynthetic": ("nothing", "put together with synthetic parts"),
        "digitalCapture": ("real", "captured by a digital camera"),
        "computationalCapture": ("real", "captured by a digital camera and computed from several exposures"),
        "negativeFilm": ("real", "digitised from a negative"),
        "positiveFilm": ("real", "digitised from a positive"),
        "print": ("real", "digitised from a print"),
    }
)
"""The terms of IPTC's vocabulary Digital Source Type that tell the classes apart, and what they say in words.

http://cv.iptc.org/newscodes/digitalsourcetype; C2PA and XMP both use it."""


def tidy(text: str) -> str:
    """Return what a stranger wrote as one short printable line."""
    line = in_one_line(text[: 4 * _LONGEST])
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
