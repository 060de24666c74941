"""LabelledImage: what every source yields."""

from dataclasses import dataclass
from typing import Final

NOT_STATED: Final = "not stated"
"""What people read where no licence is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """One image as a source hands it over: its untouched bytes and what the source claims about it.

    `label` is 'real' or 'ai'; `generator` is None for a real image; `split` is the source's own 'train', 'val' or
    'test', or None; `origin` says where inside the source it was found. `licence` is the one that the source states,
    in its words, or None.
    """

    data: bytes
    label: str
    source: str
    origin: str
    generator: str | None = None
    split: str | None = None
    licence: str | None = None
