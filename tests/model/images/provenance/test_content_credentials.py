"""Content Credentials are trusted as far as their signature reaches, and nothing is downloaded for them."""

import io
import sys

import c2pa
import pytest
from PIL import Image
from pytest_httpserver import HTTPServer

from model.images.provenance.content_credentials import MOST_BOXES, read_credentials
from model.images.provenance.findings import Finding
from support.credentials import IPTC, sign

GENERATED = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
CAPTURED = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}
FILLED = {"action": "c2pa.edited", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
DRAWN = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCreation"}


@pytest.fixture
def photo() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((24, 24), 40).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def read(data: bytes) -> Finding:
    (finding,) = read_credentials(data, format_="JPEG")
    return finding


@pytest.mark.parametrize(
    ("actions", "says", "words"),
    [
        pytest.param([GENERATED], "ai", "created by a trained generator", id="generated"),
        pytest.param([CAPTURED], "real", "captured by a digital camera", id="captured"),
        pytest.param([CAPTURED, FILLED], "nothing", "changed in part", id="captured, then filled in"),
        pytest.param([DRAWN], "nothing", "without saying by what", id="drawn"),
    ],
)
def test_the_recorded_actions_say_what_the_picture_is(
    photo: bytes, actions: list[dict[str, str]], says: str, words: str
) -> None:
    finding = read(sign(photo, *actions))
    assert (finding.source, finding.says, finding.name) == ("c2pa", says, "Dream Machine 3")
    assert words in finding.detail
    assert "signed by Test Signer" in finding.detail
    assert "signature is valid" in finding.detail


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF"])
def test_other_formats_carry_credentials_too(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (24, 24), "teal").save(file, kind)
    [finding] = read_credentials(sign(file.getvalue(), GENERATED, kind=kind), format_=kind)
    assert finding.says == "ai"


def test_an_edited_picture_is_what_its_parent_was(photo: bytes) -> None:
    assert read(sign(sign(photo, GENERATED), edits=True)).says == "ai"
    assert read(sign(sign(photo, CAPTURED), edits=True)).says == "real"


def test_credentials_that_do_not_fit_the_file_say_nothing(photo: bytes) -> None:
    signed = bytearray(sign(photo, GENERATED))
    signed[-20] ^= 1  # in the picture, not in the manifest
    finding = read(bytes(signed))
    assert finding.says == "nothing"
    assert "is not valid" in finding.detail


def test_a_file_without_credentials_has_no_finding(photo: bytes) -> None:
    assert read_credentials(photo, format_="JPEG") == ()


def test_without_the_library_there_is_no_finding(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = sign(photo, GENERATED)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert read_credentials(signed, format_="JPEG") == ()


def test_the_address_a_file_names_is_not_visited(photo: bytes, httpserver: HTTPServer) -> None:
    address = httpserver.url_for("/manifest.c2pa")
    elsewhere = sign(photo, GENERATED, url=address)
    assert address.encode() in elsewhere
    # A comment contains the type of a manifest store, as an attacker could write it.
    baited = elsewhere[:2] + b"\xff\xfe\x00\x12" + bytes.fromhex("6332706100110010800000AA00389B71") + elsewhere[2:]
    with pytest.raises(c2pa.C2paError, match="must fetch"):
        read_credentials(baited, format_="JPEG")
    assert httpserver.log == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_credentials_of_thousands_of_assertions_are_not_read(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (24, 24), "teal").save(file, kind)
    usual, many = (sign(file.getvalue(), GENERATED, kind=kind, assertions=count) for count in (100, MOST_BOXES))
    assert [finding.says for finding in read_credentials(usual, format_=kind)] == ["ai"]
    assert read_credentials(many, format_=kind) == ()


def test_credentials_whose_assertions_cannot_be_counted_are_not_read(photo: bytes) -> None:
    packed = sign(photo, GENERATED, assertions=100, packed=True)
    assert packed.count(b"jumd") < 10
    with pytest.raises(c2pa.C2paError, match="maximum size"):
        read_credentials(packed, format_="JPEG")
