"""Formats are known by the signatures of their files."""

import io

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import decode
from model.images.formats import FORMATS, SUFFIXES

PROLOG = b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!-- Created with Inkscape -->\n'
DOCTYPE = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8"/>'
UTF_16 = SVG.decode().encode("utf-16")

REFUSED = {
    "JPEG XL": [b"\xff\x0a" + bytes(60), b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl " + bytes(60)],
    "JPEG 2000": [b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 " + bytes(60), b"\xff\x4f\xff\x51" + bytes(60)],
    "SVG": [SVG, PROLOG + SVG, PROLOG + DOCTYPE + SVG, b"\xef\xbb\xbf \n" + SVG, b"<svg:svg >", UTF_16],
    "HTML": [b"<!DOCTYPE html>\n<title>Not found</title>", b"\n<html lang='en'>"],
    "PDF": [b"%PDF-1.7\n" + bytes(60), bytes(100) + b"%PDF-1.4"],
    "Photoshop": [b"8BPS\0\1" + bytes(60)],
    "PostScript": [b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    "icon": [b"\0\0\1\0" + bytes(60), b"icns" + bytes(60)],
    "video": [b"\0\0\0\x18ftypmp42" + bytes(60), b"\0\0\0\x14ftypqt  " + bytes(60), b"\x1aE\xdf\xa3" + bytes(60)],
    "Canon CR3": [b"\0\0\0\x18ftypcrx " + bytes(60)],
    "OpenEXR": [b"\x76\x2f\x31\x01" + bytes(60)],
    "Netpbm": [b"P6\n8 8\n255\n"],
    "ZIP": [b"PK\3\4" + bytes(60)],
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_format_that_is_not_accepted_is_refused_by_its_name(name: str) -> None:
    for data in REFUSED[name]:
        with pytest.raises(InvalidImage, match=rf"^{name} files are not accepted; accepted are JPEG, .*AVIF$") as error:
            decode(data)
        assert error.value.reason == "format_not_allowed"


@pytest.mark.parametrize("data", [b"x", b"hello world" * 10, bytes(5_000), b"<xml/>", b"RIFF\0\0\0\0WAVE" + bytes(60)])
def test_what_is_no_image_is_no_image(data: bytes) -> None:
    with pytest.raises(InvalidImage) as error:
        decode(data)
    assert error.value.reason == "not_an_image"


@pytest.mark.parametrize("format_", ["TGA", "PPM", "ICO", "PCX", "SGI", "DDS", "EPS", "JPEG2000"])
def test_no_other_decoder_of_pillow_is_opened(format_: str) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(file, format_)
    with pytest.raises(InvalidImage) as error:
        decode(file.getvalue())
    assert error.value.reason in {"not_an_image", "format_not_allowed"}


def test_a_long_text_that_is_almost_an_svg_is_looked_at_quickly() -> None:
    with pytest.raises(InvalidImage):
        decode(b"<" * 14_000_000)


def test_every_format_has_an_ending() -> None:
    assert set(SUFFIXES.values()) == set(FORMATS)
