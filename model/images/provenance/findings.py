"""A finding: what a file says about the origin of its picture, and which class that supports."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from model.errors import in_one_line

Source = Literal["c2pa", "camera", "generator_text"]
Says = Literal["ai", "real", "nothing"]

_LONGEST: Final = 120
"""Most characters kept of a text that a stranger wrote."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a file says about itself. It is a claim, not a proof, so it never changes the verdict on the pixels.

    Signed Content Credentials (`c2pa`) take effort to forge; anyone can write the other texts.
    """

    source: Annotated[Source, Field(description="Where in the file the claim is")]
    says: Annotated[Says, Field(description="What the claim says about the origin of the image")]
    name: Annotated[str, Field(description="The camera, generator or signer that makes the claim")]
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
"""The terms of IPTC's vocabulary Digital Source Type that concern the classes, and their meaning in words.

http://cv.iptc.org/newscodes/digitalsourcetype; C2PA and XMP both use it."""


def tidy(text: str) -> str:
    """Return a text that a stranger wrote as one printable line of at most 120 characters."""
    line = in_one_line(text[: 4 * _LONGEST])
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
