"""Generator marks: the texts by which image generators can be recognised in what their files say."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from model.images.provenance.embedded_text import XMP
from model.images.provenance.findings import SOURCE_TYPES, Finding, tidy


@dataclass(frozen=True)
class Mark:
    """A generator writes a text that matches `text` where `place` matches; patterns take time linear in the text."""

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
    # The sampling scripts of FLUX and their offspring; Make and Model then name the generator.
    _mark("a generator of the FLUX family", _TOOL, r"^AI generated;"),
    # The mandatory implicit label of GB 45438-2025, annex E, whose Label 1 is 'certainly generated'.
    _mark("label AIGC (GB 45438)", rf"PNG AIGC|{XMP}|EXIF UserComment", r"AIGC\W.{0,40}?Label\W{1,16}1\b"),
)
"""How generators sign, after public code that writes or reads their files; a place is matched as a whole."""

_SOURCE_TYPE: Final = re.compile(r"newscodes/digitalsourcetype/(\w{1,64})")


def find_generators(texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return a finding for each generator whose mark is in `texts` (see `embedded_text.read_texts`), each once."""
    named = {finding.name: finding for finding in _match(texts)}
    return (*named.values(), *_find_declared(texts.get(XMP, "")))


def _match(texts: Mapping[str, str]) -> Iterator[Finding]:
    for mark in MARKS:
        for place, text in texts.items():
            if mark.place.fullmatch(place) and (found := mark.text.search(text)):
                excerpt = tidy(text[found.start() :])
                detail = f"{place} reads '{excerpt}', as {mark.generator} writes it"
                yield Finding(source="generator_text", says="ai", name=mark.generator, detail=detail)


def _find_declared(xmp: str) -> Iterator[Finding]:
    """Find what the packet declares as IPTC's Digital Source Type."""
    for kind in sorted(set(_SOURCE_TYPE.findall(xmp)) & SOURCE_TYPES.keys()):
        says, words = SOURCE_TYPES[kind]
        yield Finding(
            source="camera" if says == "real" else "generator_text",
            says=says,
            name=f"Digital Source Type {kind}",
            detail=f"the file's XMP declares, unsigned, that the picture was {words}",
        )
