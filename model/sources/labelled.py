"""LabelledImage: what every source yields."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """One image as a source hands it over: its untouched bytes and what the source claims about it.

    `label` is 'real' or 'ai'; `generator` is None for a real image; `split` is the source's own 'train', 'val' or
    'test', or None; `origin` says where inside the source it was found.
    """

    data: bytes
    label: str
    source: str
    origin: str
    generator: str | None = None
    split: str | None = None
