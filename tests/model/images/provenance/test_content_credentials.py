"""Content Credentials are trusted as far as their signature reaches, and nothing is downloaded for them."""

import io
import sys
from pathlib import Path

import c2pa
import certifi
import pytest
from PIL import Image
from pytest_httpserver import HTTPServer

from model.errors import SettingsError
from model.images.decoding import decode
from model.images.provenance.content_credentials import MOST_BOXES, read_credentials, read_trust_list
from model.images.provenance.findings import Finding
from support.credentials import IPTC, sign, trust_list
from truegrain_rig.hostile_files import encode

GENERATED = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
CAPTURED = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}
FILLED = {"action": "c2pa.edited", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
DRAWN = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCreation"}
PARTLY = {"action": "c2pa.created", "digitalSourceType": IPTC + "compositeWithTrainedAlgorithmicMedia"}
STITCHED = {"action": "c2pa.created", "digitalSourceType": IPTC + "compositeCapture"}
ON_SCREEN = {"action": "c2pa.created", "digitalSourceType": IPTC + "screenCapture"}
EMPTY = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
TRIMMED = {"action": "c2pa.cropped", "digitalSourceType": IPTC + "humanEdits"}


@pytest.fixture
def photo() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((24, 24), 40).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def read(data: bytes, trust_list: str = "") -> Finding:
    (finding,) = read_credentials(data, format_="JPEG", trust_list=trust_list)
    return finding


@pytest.mark.parametrize(
    ("actions", "says", "words"),
    [
        pytest.param([GENERATED], "ai", "created by a trained generator", id="generated"),
        pytest.param([CAPTURED], "real", "captured by a digital camera", id="captured"),
        pytest.param([CAPTURED, FILLED], "partly_ai", "changed in part by a generator", id="captured, then filled in"),
        pytest.param([CAPTURED, TRIMMED], "real", "captured by a digital camera", id="captured, then trimmed"),
        pytest.param([GENERATED, TRIMMED], "ai", "created by a trained generator", id="generated, then trimmed"),
        pytest.param([PARTLY], "partly_ai", "with parts from a trained generator", id="composed with a generator"),
        pytest.param([STITCHED], "real", "several captures", id="stitched"),
        pytest.param([ON_SCREEN], "nothing", "captured from a screen", id="screenshot"),
        pytest.param([DRAWN], "nothing", "drawn by a person", id="drawn"),
        pytest.param([EMPTY], "nothing", "without saying by what", id="an empty canvas"),
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


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF", "HEIC", "AVIF"])
def test_other_formats_carry_credentials_too(kind: str) -> None:
    signed = sign(encode(Image.new("RGB", (24, 24), "teal"), kind), GENERATED, kind=kind)
    [finding] = read_credentials(signed, format_=kind)
    assert finding.says == "ai"
    assert decode(signed).format == kind


def test_an_edited_picture_is_what_its_parent_was(photo: bytes) -> None:
    assert read(sign(sign(photo, GENERATED), edits=True)).says == "ai"
    assert read(sign(sign(photo, CAPTURED), edits=True)).says == "real"


def test_credentials_that_do_not_fit_the_file_say_nothing(photo: bytes) -> None:
    signed = bytearray(sign(photo, GENERATED))
    signed[-20] ^= 1  # in the picture, not in the manifest
    finding = read(bytes(signed))
    assert finding.says == "nothing"
    assert "is not valid" in finding.detail


def test_a_signer_on_the_trust_list_is_told_from_another(photo: bytes) -> None:
    signed = sign(photo, CAPTURED)
    listed, unlisted = read(signed, trust_list()), read(signed)
    assert (listed.trust, unlisted.trust) == ("listed", "unlisted")
    assert "trust list names the signer" in listed.detail
    assert "no trust list of the service names the signer" in unlisted.detail
    assert (listed.is_strong, unlisted.is_strong) == (True, False), "anybody can sign that a picture is real"


def test_a_list_that_does_not_name_the_signer_trusts_nobody(photo: bytes) -> None:
    stranger = Path(certifi.where()).read_text("ascii")
    assert read(sign(photo, GENERATED), stranger).trust == "unlisted"


def test_a_claim_of_ai_is_strong_whoever_signs_it(photo: bytes) -> None:
    assert read(sign(photo, GENERATED)).is_strong
    assert read(sign(photo, CAPTURED, FILLED)).is_strong


def test_a_listed_signer_does_not_heal_a_changed_picture(photo: bytes) -> None:
    signed = bytearray(sign(photo, CAPTURED))
    signed[-20] ^= 1
    finding = read(bytes(signed), trust_list())
    assert (finding.trust, finding.says, finding.is_strong) == ("invalid", "nothing", False)


def test_a_picture_that_a_generator_made_is_a_part_of_the_one_it_was_placed_in(photo: bytes) -> None:
    collage = sign(photo, CAPTURED, placed=sign(photo, GENERATED))
    assert (read(collage).says, "put together" in read(collage).detail) == ("partly_ai", True)
    assert read(sign(photo, CAPTURED, placed=sign(photo, CAPTURED))).says == "real"
    assert read(sign(photo, CAPTURED, placed=photo)).says == "real"


def test_a_trust_list_is_a_file_of_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "list.pem"
    file.write_text(trust_list())
    assert read_trust_list(file) == trust_list()
    with pytest.raises(SettingsError, match=r"absent\.pem' is no PEM file of certificates"):
        read_trust_list(tmp_path / "absent.pem")
    for text in ("", "no certificates", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        (tmp_path / "other.pem").write_text(text)
        with pytest.raises(SettingsError, match=r"other\.pem' is no PEM file of certificates"):
            read_trust_list(tmp_path / "other.pem")
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(SettingsError, match="install the extra c2pa"):
        read_trust_list(file)


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
