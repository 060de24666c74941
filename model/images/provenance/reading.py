"""Reads what a file says about the origin of its picture: Content Credentials, its camera, image generators.

These findings are shown beside the verdict on the pixels and never replace it.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from PIL import ExifTags, Image

from model.images import png
from model.images.directories import ORDERS
from model.images.formats import open_picture
from model.images.provenance.content_credentials import MANIFEST_STORE, read_credentials
from model.images.provenance.findings import SOURCE_TYPES, Finding, tidy
from model.images.structure import PiecewiseFile, check_exif

XMP: Final = "XMP"
"""Key of the XMP packet, which is XML."""

MOST_TEXTS: Final = 64
LONGEST_TEXT: Final = 65_536
"""Most texts read of a file; most characters kept of one text, and most bytes read of an XMP packet."""

_EXIF: Final = ("Make", "Model", "Software", "ImageDescription", "Artist")
_EXIF_CAPTURE: Final = ("LensModel", "UserComment")
_CREATOR_TOOL: Final = re.compile(r'xmp:CreatorTool(?:=["\']|>)([^"\'<]{1,200})')
_JPEG: Final = b"\xff\xd8"
_JPEG_TEXTS: Final = (b"Exif\0", b"<x:xmpmeta", b"\xff\xfe")
"""Bytes of a JPEG that has texts: EXIF, XMP, a comment (ITU-T T.81, B.2.4.5).

Most JPEG files have no texts and are not opened."""

_CHARSET_BYTES: Final = 8
"""A UserComment begins with the name of its character set (Exif 2.32, 4.6.5)."""

_NAMES: Final = {"EXIF Make", "EXIF Model", "EXIF Software"}
"""The texts with the name of a camera. Some generators write their name or settings there."""


@dataclass(frozen=True)
class Mark:
    """How one generator signs its files: a text that matches `text`, in a place that matches `place`.

    The patterns take time linear in the length of the text.
    """

    generator: str
    place: re.Pattern[str]
    text: re.Pattern[str]


def _mark(generator: str, place: str, text: str) -> Mark:
    return Mark(generator, re.compile(place), re.compile(text))


_SETTINGS: Final = r"PNG parameters|EXIF UserComment|comment"
_TOOL: Final = r"EXIF Software|PNG Software|XMP CreatorTool"

MARKS: Final = (
    _mark("Stable Diffusion web UI", _SETTINGS, r"\bSteps: \d+, (?:Sampler|Size|Seed|CFG scale|Schedule type): "),
    _mark(
        "ComfyUI",
        r"PNG (?:prompt|workflow)|EXIF (?:Make|Model|ImageDescription|UserComment)",
        r'"(?:class_type|last_node_id)"',
    ),
    _mark("NovelAI", _TOOL, r"^NovelAI"),
    _mark("InvokeAI", r"PNG (?:invokeai_(?:metadata|graph|workflow)|sd-metadata|Dream)", r"\S"),
    _mark("Fooocus", r"PNG fooocus_scheme", r"\S"),
    _mark("SwarmUI", _SETTINGS, r'"sui_image_params"'),
    _mark("Easy Diffusion", r"PNG use_stable_diffusion_model", r"\S"),
    _mark("Draw Things", _TOOL, r"^Draw Things"),
    _mark("Midjourney", rf"PNG Description|EXIF ImageDescription|{XMP}", r"\bJob ID: [0-9a-f]{8}-"),
    _mark("DALL·E", _TOOL, r"DALL[·-]?E|OpenAI"),
    _mark("Adobe Firefly", _TOOL, r"^Adobe Firefly"),
    _mark("Google AI", XMP, r"Credit\W{1,2}Made with Google AI"),
    # The sampling scripts of FLUX and scripts derived from them; Make and Model then name the generator.
    _mark("a generator of the FLUX family", _TOOL, r"^AI generated;"),
    # The mandatory implicit label of GB 45438-2025, annex E, whose Label 1 is 'certainly generated'.
    _mark("label AIGC (GB 45438)", rf"PNG AIGC|{XMP}|EXIF UserComment", r"AIGC\W.{0,40}?Label\W{1,16}1\b"),
)
"""How generators sign their files, taken from public code that writes or reads such files.

The pattern of a place must match the whole place."""

_SOURCE_TYPE: Final = re.compile(r"newscodes/digitalsourcetype/(\w{1,64})")


def read_provenance(data: bytes, *, format_: str, trust_list: str = "") -> tuple[Finding, ...]:
    """Return what the image file `data` says about its origin: credentials, camera, generators.

    `format_` is Pillow's name of the format, `trust_list` what `read_trust_list` returns. Never raises: a part that
    cannot be read gives no finding. The pixels are not decoded and nothing is fetched. MOST_TEXTS, LONGEST_TEXT and the
    limits of `content_credentials` bound the work.
    """
    credentials: tuple[Finding, ...] = ()
    if MANIFEST_STORE in data:
        credentials = _attempt(lambda: read_credentials(data, format_=format_, trust_list=trust_list))
    return (*credentials, *_attempt(lambda: _interpret(read_texts(data))))


def _attempt(read: Callable[[], tuple[Finding, ...]]) -> tuple[Finding, ...]:
    try:
        return read()
    except Exception:  # parsers raise many kinds of errors on hostile metadata; a verdict must not fail for it
        return ()


def _interpret(texts: Mapping[str, str]) -> tuple[Finding, ...]:
    return (*_find_camera(texts), *_find_generators(texts)) if texts else ()


def read_texts(data: bytes) -> dict[str, str]:
    """Return the texts of an image file, each by its place.

    Places are such as 'EXIF Make', 'PNG parameters', 'comment', 'XMP CreatorTool', and 'XMP' for the whole packet. A
    text has at most LONGEST_TEXT characters; of the file's container at most MOST_TEXTS texts are read. The pixels are
    not decoded. Raises whatever Pillow raises on a broken file.
    """
    if data.startswith(_JPEG) and not any(mark in data for mark in _JPEG_TEXTS):
        return {}
    with _open(data) as image:
        texts = dict(_read_png(data) if image.format == "PNG" else islice(_read_container(image), MOST_TEXTS))
        texts |= _attempt_exif(image)
    if packet := _find_xmp(data) or texts.get(XMP):
        texts |= _read_xmp(packet)
    return {place: text[:LONGEST_TEXT] for place, text in texts.items()}


def _open(data: bytes) -> Image.Image:
    """Open a file as for decoding, but a TIFF with all its tags."""
    return Image.open(PiecewiseFile(data), formats=("TIFF",)) if data[:2] in ORDERS else open_picture(data)


def _read_container(image: Image.Image) -> Iterator[tuple[str, str]]:
    for key, value in image.info.items():
        if key == "comment":
            yield "comment", _decode(value)


def _read_png(data: bytes) -> Iterator[tuple[str, str]]:
    for key, text in png.read_texts(data, most=MOST_TEXTS, longest=LONGEST_TEXT):
        # An XMP packet may be compressed; a search of the bytes then fails.
        yield {"comment": "comment", png.XMP_KEY: XMP}.get(key, f"PNG {key}"), text


def _attempt_exif(image: Image.Image) -> dict[str, str]:
    try:
        return _read_exif(image)
    except Exception:  # Pillow raises many kinds of errors on damaged Exif; the other texts are read all the same
        return {}


def _read_exif(image: Image.Image) -> dict[str, str]:
    if image.format != "TIFF" and "exif" not in image.info:
        return {}  # Pillow would decode the pixels of a PNG to look for EXIF data behind them
    check_exif(image.info.get("exif", b""))
    exif = image.getexif()
    named = {name: exif.get(ExifTags.Base[name]) for name in _EXIF}
    capture: Mapping[int, object] = exif.get_ifd(ExifTags.IFD.Exif)
    named |= {name: capture.get(ExifTags.Base[name]) for name in _EXIF_CAPTURE}
    return {f"EXIF {name}": _decode(value) for name, value in named.items() if isinstance(value, str | bytes) and value}


def _find_xmp(data: bytes) -> str | None:
    """Find the packet in the bytes of a file of any format (XMP Specification Part 3, 'packet scanning')."""
    start = data.find(b"<x:xmpmeta")
    if start < 0:
        return None
    packet, _, _ = data[start : start + LONGEST_TEXT].partition(b"</x:xmpmeta>")
    return html.unescape(packet.decode(errors="replace"))


def _read_xmp(packet: str) -> dict[str, str]:
    tool = _CREATOR_TOOL.search(packet)
    return {XMP: packet} | ({f"{XMP} CreatorTool": tool[1]} if tool else {})


def _decode(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    charset, text = value[:_CHARSET_BYTES], value[_CHARSET_BYTES:]
    if (
        charset == b"UNICODE\0"
    ):  # UTF-16; the standard leaves the byte order open, but the first character is mostly ASCII
        return text.decode("utf-16-le" if text[1:2] == b"\0" else "utf-16-be", errors="replace")
    return (text if charset == b"ASCII\0\0\0" else value).decode(errors="replace")


def _find_camera(texts: Mapping[str, str]) -> tuple[Finding, ...]:
    naming = {place: text for place, text in texts.items() if place in _NAMES}
    make, model, lens = (tidy(texts.get(f"EXIF {tag}", "")) for tag in ("Make", "Model", "LensModel"))
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    if not camera or _find_generators(naming):
        return ()
    detail = f"the file's EXIF, unsigned, names the camera {camera}{f' with the lens {lens}' if lens else ''}"
    return (Finding(source="camera", says="real", trust="unsigned", name=camera, detail=detail),)


def _find_generators(texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return one finding for each generator whose mark is in `texts` (see `read_texts`)."""
    named = {finding.name: finding for finding in _match(texts)}
    return (*named.values(), *_find_declared(texts.get(XMP, "")))


def _match(texts: Mapping[str, str]) -> Iterator[Finding]:
    for mark in MARKS:
        for place, text in texts.items():
            if mark.place.fullmatch(place) and (found := mark.text.search(text)):
                excerpt = tidy(text[found.start() :])
                detail = f"{place} reads '{excerpt}', as {mark.generator} writes it"
                yield Finding(source="generator_text", says="ai", trust="unsigned", name=mark.generator, detail=detail)


def _find_declared(xmp: str) -> Iterator[Finding]:
    """Yield a finding for each known IPTC Digital Source Type that the packet declares."""
    for kind in sorted(set(_SOURCE_TYPE.findall(xmp)) & SOURCE_TYPES.keys()):
        says, words = SOURCE_TYPES[kind]
        yield Finding(
            source="camera" if says == "real" else "generator_text",
            says=says,
            trust="unsigned",
            name=f"Digital Source Type {kind}",
            detail=f"the file's XMP declares, unsigned, that the picture was {words}",
        )
