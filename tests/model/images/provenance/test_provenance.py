"""Metadata about the origin of files, written as cameras and generators write it."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from model.images.decoding import decode
from model.images.provenance.findings import Finding
from model.images.provenance.reading import LONGEST_TEXT, MOST_TEXTS, read_provenance
from support.credentials import IPTC, sign
from truegrain_rig.hostile_files import encode

Save = Callable[..., bytes]

A1111 = (
    "a fox, oil on canvas\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
)
COMFY = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})


def save(kind: str, *, text: dict[str, str] | None = None, compressed: bool = False, **options: Any) -> bytes:
    if text:
        info = PngImagePlugin.PngInfo()
        for key, value in text.items():
            info.add_itxt(key, value, zip=compressed)
        options["pnginfo"] = info
    return encode(Image.new("RGB", (8, 8), "teal"), kind, **options)


def exif(capture: dict[str, Any] | None = None, **tags: str) -> bytes:
    written = Image.Exif()
    for name, value in tags.items():
        written[ExifTags.Base[name]] = value
    if capture:
        written.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base[name]: value for name, value in capture.items()})
    return written.tobytes()


def xmp(content: str, attributes: str = "") -> str:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {attributes}>{content}</rdf:Description></x:xmpmeta>'


def read(data: bytes) -> list[Finding]:
    return list(read_provenance(data, format_=decode(data).format))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIC", "AVIF"])
def test_the_camera_is_named_in_every_format_that_carries_exif(kind: str) -> None:
    [finding] = read(save(kind, exif=exif({"LensModel": "RF24-70mm F2.8"}, Make="Canon", Model="Canon EOS R5")))
    assert (finding.source, finding.says, finding.name) == ("camera", "real", "Canon EOS R5")
    assert "RF24-70mm F2.8" in finding.detail


def test_a_camera_whose_model_does_not_name_its_maker_is_named_in_full() -> None:
    [finding] = read(save("JPEG", exif=exif(Make="Google", Model="Pixel 8")))
    assert finding.name == "Google Pixel 8"


def test_exif_without_a_camera_says_nothing() -> None:
    assert read(save("JPEG", exif=exif(Software="GIMP 3.0", Artist="somebody"))) == []


COMMENT = b"UNICODE\0" + A1111.encode("utf-16-be")
MARKED = {
    "web UI, PNG": (save("PNG", text={"parameters": A1111}), "Stable Diffusion web UI"),
    "web UI, zipped": (save("PNG", text={"parameters": A1111}, compressed=True), "Stable Diffusion web UI"),
    "web UI, JPEG": (save("JPEG", exif=exif({"UserComment": COMMENT})), "Stable Diffusion web UI"),
    "web UI, GIF": (save("GIF", comment=A1111), "Stable Diffusion web UI"),
    "ComfyUI, PNG": (save("PNG", text={"prompt": COMFY}), "ComfyUI"),
    "ComfyUI, WebP": (save("WEBP", exif=exif(Model=f"prompt:{COMFY}")), "ComfyUI"),
    "NovelAI": (save("PNG", text={"Software": "NovelAI", "Comment": "{}"}), "NovelAI"),
    "InvokeAI": (save("PNG", text={"invokeai_metadata": '{"seed": 1}'}), "InvokeAI"),
    "Fooocus": (save("PNG", text={"fooocus_scheme": "fooocus", "parameters": "{}"}), "Fooocus"),
    "SwarmUI": (save("PNG", text={"parameters": '{"sui_image_params": {}}'}), "SwarmUI"),
    "Easy Diffusion": (save("PNG", text={"use_stable_diffusion_model": "sd-v1-5"}), "Easy Diffusion"),
    "Draw Things": (
        save("PNG", text={"XML:com.adobe.xmp": xmp("<xmp:CreatorTool>Draw Things</xmp:CreatorTool>")}, compressed=True),
        "Draw Things",
    ),
    "Midjourney": (
        save("PNG", text={"Description": "a fox Job ID: 0b1c2d3e-aaaa-bbbb-cccc-0123456789ab"}),
        "Midjourney",
    ),
    "DALL·E": (save("PNG", text={"Software": "OpenAI DALL-E 3"}), "DALL·E"),
    "Firefly": (save("JPEG", xmp=xmp("", 'xmp:CreatorTool="Adobe Firefly"').encode()), "Adobe Firefly"),
    "Firefly in HEIC": (save("HEIC", xmp=xmp("", 'xmp:CreatorTool="Adobe Firefly"').encode()), "Adobe Firefly"),
    "Firefly in AVIF": (save("AVIF", xmp=xmp("", 'xmp:CreatorTool="Adobe Firefly"').encode()), "Adobe Firefly"),
    "ComfyUI, 3 MB": (save("PNG", text={"workflow": COMFY + " " * 3_000_000}, compressed=True), "ComfyUI"),
    "Google": (save("JPEG", xmp=xmp("", 'photoshop:Credit="Made with Google AI"').encode()), "Google AI"),
    "FLUX": (
        save("JPEG", exif=exif(Software="AI generated;txt2img;flux", Make="Black Forest Labs", Model="flux-dev")),
        "a generator of the FLUX family",
    ),
    "AIGC": (
        save("WEBP", xmp=xmp("<TC260:AIGC>{&quot;Label&quot;:&quot;1&quot;}</TC260:AIGC>").encode()),
        "label AIGC (GB 45438)",
    ),
}


@pytest.mark.parametrize(("data", "generator"), MARKED.values(), ids=MARKED.keys())
def test_a_generator_is_recognised_by_what_it_writes(data: bytes, generator: str) -> None:
    [finding] = read(data)
    assert (finding.source, finding.says, finding.name) == ("generator_text", "ai", generator)
    assert generator in finding.detail


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(save("PNG", text={"parameters": "Steps: run, jump", "prompt": "say cheese"}), id="words"),
        pytest.param(save("PNG", text={"Title": A1111}), id="another place"),
        pytest.param(save("PNG", text={"Software": "Not by NovelAI", "invokeai_metadata": " "}), id="half a mark"),
        pytest.param(save("WEBP", xmp=xmp('<T:AIGC>{"Label":"2"}</T:AIGC>').encode()), id="AIGC, only possibly"),
        pytest.param(
            save("JPEG", xmp=xmp("<dc:title>What OpenAI and Draw Things cannot do</dc:title>").encode()), id="talk"
        ),
        pytest.param(save("BMP"), id="no metadata"),
    ],
)
def test_a_text_that_is_no_mark_says_nothing(data: bytes) -> None:
    assert read(data) == []


@pytest.mark.parametrize(
    ("term", "source", "says"),
    [
        ("trainedAlgorithmicMedia", "generator_text", "ai"),
        ("compositeWithTrainedAlgorithmicMedia", "generator_text", "partly_ai"),
        ("digitalCapture", "camera", "real"),
    ],
)
def test_the_declared_source_type_is_told(term: str, source: str, says: str) -> None:
    packet = xmp(f"<Iptc4xmpExt:DigitalSourceType>{IPTC}{term}</Iptc4xmpExt:DigitalSourceType>")
    [finding] = read(save("JPEG", xmp=packet.encode()))
    assert (finding.source, finding.says) == (source, says)
    assert term in finding.name


def test_every_signal_is_a_finding_of_its_own() -> None:
    photo = save("JPEG", exif=exif({"UserComment": COMMENT}, Make="Canon", Model="Canon EOS R5"))
    created = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
    assert [finding.source for finding in read(sign(photo, created))] == ["c2pa", "camera", "generator_text"]


def test_what_a_stranger_wrote_is_one_short_printable_line() -> None:
    [finding] = read(save("JPEG", exif=exif(Make="Evil\x1b[2J\r\n\u202ecam", Model="x" * 5000)))
    assert finding.name.isprintable()
    assert len(finding.name) < 250


def test_metadata_that_cannot_be_read_costs_only_itself() -> None:
    broken = bytearray(save("JPEG", exif=exif(Make="Canon", Model="Canon EOS R5")))
    place = broken.index(b"Exif\0\0") + 10
    broken[place : place + 40] = b"\xff" * 40
    assert read_provenance(bytes(broken), format_="JPEG") == ()
    assert read_provenance(b"no image", format_="JPEG") == ()


def test_an_image_cut_off_anywhere_has_findings_or_none() -> None:
    created = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
    photo = sign(save("JPEG", exif=exif(Make="Canon")), created)
    for end in range(0, len(photo), 97):
        assert isinstance(read_provenance(photo[:end], format_="JPEG"), tuple)


def test_only_so_many_texts_are_read_and_of_each_only_so_much() -> None:
    many = {f"key {number}": "text" for number in range(MOST_TEXTS)}
    assert read(save("PNG", text=many | {"parameters": A1111})) == []
    assert read(save("PNG", text={"parameters": "a" * LONGEST_TEXT + A1111})) == []


@pytest.mark.timeout(20)  # linear time is milliseconds, quadratic time minutes
@pytest.mark.parametrize(
    "text", ["Steps: 1, " * 6_000, '"class_typ' * 6_000, "AIGC" * 15_000, "AIGC Label " * 6_000, "Job ID: " * 8_000]
)
def test_no_text_makes_the_patterns_slow(text: str) -> None:
    packet = xmp(text).encode()
    data = save("PNG", text={"parameters": text, "prompt": text, "Description": text}) + packet
    assert read(data) == []


def test_hostile_credentials_cost_no_more_than_their_finding() -> None:
    created = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
    signed = sign(save("JPEG"), created)
    start, random = signed.index(b"jumbc2pa") if b"jumbc2pa" in signed else 20, np.random.default_rng(1)
    for _ in range(300):
        spoiled = bytearray(signed)
        for place in random.integers(start, start + 6000, random.integers(1, 9)):
            spoiled[place] = random.integers(256)
        assert {finding.says for finding in read_provenance(bytes(spoiled), format_="JPEG")} <= {"nothing", "ai"}
