"""Provenance: what a file says about where its picture comes from, beside the pixels and never instead of them."""

from collections.abc import Callable, Mapping
from typing import Final

from model.images.provenance.content_credentials import read_credentials
from model.images.provenance.embedded_text import read_texts
from model.images.provenance.findings import Finding, tidy
from model.images.provenance.generator_marks import find_generators

_NAMES: Final = {"EXIF Make", "EXIF Model", "EXIF Software"}
"""Where cameras have their names, and some generators theirs or their settings."""


def read_provenance(data: bytes, *, format_: str) -> tuple[Finding, ...]:
    """Return what the image file `data`, whose format Pillow calls `format_`, says: credentials, camera, generators.

    Never raises: what cannot be read says nothing. The pixels are not decoded and nothing is fetched; the work is
    bounded by the limits of the modules that read.
    """
    credentials = _attempt(lambda: read_credentials(data, format_=format_))
    return (*credentials, *_attempt(lambda: _read_texts(data)))


def _attempt(read: Callable[[], tuple[Finding, ...]]) -> tuple[Finding, ...]:
    try:
        return read()
    except Exception:  # hostile metadata provokes nearly anything in its parsers, and must not cost a verdict
        return ()


def _read_texts(data: bytes) -> tuple[Finding, ...]:
    texts = read_texts(data)
    return (*_find_camera(texts), *find_generators(texts))


def _find_camera(texts: Mapping[str, str]) -> tuple[Finding, ...]:
    naming = {place: text for place, text in texts.items() if place in _NAMES}
    make, model, lens = (tidy(texts.get(f"EXIF {tag}", "")) for tag in ("Make", "Model", "LensModel"))
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    if not camera or find_generators(naming):
        return ()
    detail = f"the file's EXIF, unsigned, names the camera {camera}{f' with the lens {lens}' if lens else ''}"
    return (Finding(source="camera", says="real", name=camera, detail=detail),)
