"""Knows a format by the signature of its files, and opens the accepted ones."""

import re
from typing import Final

from PIL import Image

from model.errors import InvalidImage
from model.images import heif, jpeg, png, tiff
from model.images.directories import ORDERS
from model.images.structure import PiecewiseFile

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "HEIC", "AVIF")
"""The formats that are decoded. Pillow knows about forty more; each would be one more decoder for an attacker."""

SUFFIXES: Final = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP",
    ".gif": "GIF", ".tif": "TIFF", ".tiff": "TIFF", ".heic": "HEIC", ".heif": "HEIC", ".hif": "HEIC", ".avif": "AVIF",
}  # fmt: skip
"""The format for each ending of a file name, in lower case."""

PILLOW_NAMES: Final = {"HEIC": "HEIF"}
"""Pillow's name of a format, if it is another one."""

_BY_PILLOW: Final = ("WEBP", "BMP", "GIF")
_JPEG: Final = b"\xff\xd8"
_CONTAINED: Final = {"MPO": "JPEG", "HEIF": "HEIC"}
"""The format of the picture that is decoded, by Pillow's name for the container.

MPO is a JPEG file with more pictures behind the first, as telephones write it."""

_BRANDS: Final = {
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1", b"miaf",
    b"avif", b"avis", b"MA1A", b"MA1B", b"MiHE", b"MiHB", b"MiHA",
}  # fmt: skip
"""Brands of files of HEIF (ISO/IEC 23008-12, ISO/IEC 23000-22) and AVIF; the first item tells the format."""

_REFUSED: Final = (
    ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
    ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    ("JPEG XR", rb"II\xbc"),
    ("Canon CR3", rb"....ftypcrx "),
    ("video", rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI |....(?:moov|mdat|wide)"),
    ("SVG", rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<(?:[^<]*<){0,64}?(?:\w+:)?svg[\s>]"),
    ("HTML", rb"\s*<(?:!doctype\s+)?html"),
    ("PDF", rb".{0,1023}%PDF-"),
    ("Photoshop", rb"8BPS"),
    ("PostScript", rb"%!PS|\xc5\xd0\xd3\xc6"),
    ("icon", rb"\0\0[\x01\x02]\0|icns"),
    ("GIMP", rb"gimp xcf"),
    ("OpenEXR", rb"\x76\x2f\x31\x01"),
    ("Radiance HDR", rb"#\?R(?:ADIANCE|GBE)"),
    ("DirectDraw", rb"DDS "),
    ("QOI", rb"qoif"),
    ("BPG", rb"BPG\xfb"),
    ("FLIF", rb"FLIF"),
    ("MNG", rb"\x8a[MJ]NG\r\n\x1a\n"),
    ("DICOM", rb".{128}DICM"),
    ("FITS", rb"SIMPLE  ="),
    ("Netpbm", rb"P[1-7F]\s"),
    ("camera raw", rb"IIU\0|IIR[OS]|MMOR|FUJIFILMCCD-RAW"),
    ("Windows metafile", rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF"),
    ("ZIP", rb"PK\x03\x04"),
)
"""Signatures of refused formats that people send. They make the message better; no other decoder is opened."""
_SIGNATURES: Final = tuple((name, re.compile(pattern, re.DOTALL | re.IGNORECASE)) for name, pattern in _REFUSED)
_LONGEST_SIGNATURE: Final = 4_096


def open_picture(data: bytes) -> Image.Image:
    """Open a file of one of FORMATS without decoding it; raises InvalidImage, or whatever Pillow raises.

    `format` of the image is Pillow's name; `stored_format` translates it.
    """
    if heif.is_boxed(data) and has_heif_brand(data):
        return heif.open_still(data)
    if data.startswith(png.SIGNATURE):
        return png.open_png(data)
    if data.startswith(_JPEG):
        return jpeg.open_jpeg(data)
    if data[:2] in ORDERS:
        return tiff.open_tiff(data)
    return Image.open(PiecewiseFile(data), formats=_BY_PILLOW)


def stored_format(image: Image.Image) -> str:
    """Return which of FORMATS an opened image has."""
    return _CONTAINED.get(str(image.format), str(image.format))


def has_heif_brand(data: bytes) -> bool:
    """Return whether a file of boxes calls itself HEIF or AVIF, by its major brand or by a compatible one."""
    end = min(int.from_bytes(data[:4]), _LONGEST_SIGNATURE)
    return any(data[place : place + 4] in _BRANDS for place in (8, *range(16, end, 4)))


def refuse_unrecognised(data: bytes) -> InvalidImage:
    """Return the error for a file that is none of FORMATS; the message names its format where it is known."""
    accepted = f"accepted are {', '.join(FORMATS)}"
    start = data[:_LONGEST_SIGNATURE]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):  # a text of two bytes a character
        start = start.replace(b"\0", b"")
    for name, signature in _SIGNATURES:
        if signature.match(start):
            return InvalidImage("format_not_allowed", f"{name} files are not accepted; {accepted}")
    return InvalidImage("not_an_image", f"the file is not an image that can be read; {accepted}")
