"""A finding: what a file says about the origin of its picture, and which class that supports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from model.errors import in_one_line

Source = Literal["c2pa", "camera", "generator_text"]
Says = Literal["ai", "partly_ai", "real", "nothing"]
Trust = Literal["listed", "unlisted", "invalid", "unsigned"]

_LONGEST: Final = 120
"""Most characters kept of a text that a stranger wrote."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a file says about itself. It is a claim, not a proof, so it never changes the verdict on the pixels.

    Signed Content Credentials (`c2pa`) take effort to forge; anyone can write the other texts.
    """

    source: Annotated[Source, Field(description="Where in the file the claim is")]
    says: Annotated[
        Says,
        Field(description="What the claim says about the origin; 'partly_ai': a generator made or changed parts of it"),
    ]
    trust: Annotated[
        Trust,
        Field(
            description="'listed': signed by a signer on the service's trust list; 'unlisted': signed by another one;"
            " 'invalid': the signature or the file was changed; 'unsigned': anyone can write it"
        ),
    ]
    name: Annotated[str, Field(description="The camera, generator or signer that makes the claim")]
    detail: Annotated[str, Field(description="What was found, in words")]

    @property
    def is_strong(self) -> bool:
        """Whether the claim counts as what the file itself says.

        A claim of AI counts unless it is invalid: few gain by forging it. A claim to be real counts only if a listed
        signer makes it: anybody can make a signature, and write a camera's name.
        """
        return self.trust == "listed" if self.says == "real" else self.says in _OF_AI and self.trust != "invalid"


def find_claim(evidence: Iterable[Finding]) -> Finding | None:
    """Return the claim that counts as what the file itself says, None if there is none.

    Of several strong claims the one that takes most effort to forge counts, and then the one that says most of AI.
    """
    strong = (finding for finding in evidence if finding.is_strong)
    return min(strong, key=lambda one: (_BY_EFFORT.index(one.trust), _BY_AI.index(one.says)), default=None)


_OF_AI: Final[tuple[Says, ...]] = ("ai", "partly_ai")
_BY_AI: Final[tuple[Says, ...]] = (*_OF_AI, "real")
_BY_EFFORT: Final[tuple[Trust, ...]] = ("listed", "unlisted", "unsigned")

SOURCE_TYPES: Final[Mapping[str, tuple[Says, str]]] = MappingProxyType(
    {
        "trainedAlgorithmicMedia": ("ai", "created by a trained generator"),
        "compositeWithTrainedAlgorithmicMedia": ("partly_ai", "put together with parts from a trained generator"),
        "compositeSynthetic": ("nothing", "put together with synthetic parts"),
        "compositeCapture": ("real", "put together from several captures of a digital camera"),
        "composite": ("nothing", "put together from several parts, which may be a generator's"),
        "screenCapture": ("nothing", "captured from a screen, which may have shown a generator's picture"),
        "digitalCreation": ("nothing", "drawn by a person, without a generator"),
        "digitalCapture": ("real", "captured by a digital camera"),
        "computationalCapture": ("real", "captured by a digital camera and computed from several exposures"),
        "negativeFilm": ("real", "digitised from a negative"),
        "positiveFilm": ("real", "digitised from a positive"),
        "print": ("real", "digitised from a print"),
    }
)
"""The terms of IPTC's vocabulary Digital Source Type that concern the classes, and their meaning in words.

http://cv.iptc.org/newscodes/digitalsourcetype; C2PA and XMP both use it. The classes follow the local signals of
C2PA's asset rubrics (https://github.com/c2pa-org/conformance-public, asset-rubrics, version 1.0)."""


def tidy(text: str) -> str:
    """Return a text that a stranger wrote as one printable line of at most 120 characters."""
    line = in_one_line(text[: 4 * _LONGEST])
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
