"""The boxes of HEIC and AVIF files, as they are and as they should not be."""

import struct

import pytest
from PIL import Image

from model.errors import InvalidImage
from model.images.isobmff import MOST_PARTS, read_container
from truegrain_rig.boxed_files import Part, box, boxed, extent, heic

FTYP = box(b"ftyp", b"heic" + bytes(4))


def meta(*boxes: bytes) -> bytes:
    return FTYP + box(b"meta", bytes(4) + b"".join(boxes))


def test_items_have_their_properties_references_and_bytes() -> None:
    data = boxed([Part(b"hvc1", b"pixels", [extent(8, 6)]), Part(b"Exif", b"tags")], references=[(b"cdsc", 2, [1])])
    found = read_container(data)
    assert (found.primary, found.references, found.is_sequence) == (1, {(b"cdsc", 2): [1]}, False)
    picture, about = found.items[1], found.items[2]
    assert (picture.kind, picture.size(), picture.read(data)) == (b"hvc1", (8, 6), b"pixels")
    assert (about.kind, about.read(data)) == (b"Exif", b"tags")
    assert picture.properties[0].is_essential


def test_a_file_of_an_encoder_is_read_whole() -> None:
    data = heic(Image.new("RGB", (200, 100)), tile_size=64)
    found = read_container(data)
    assert found.items[found.primary or 0].kind == b"grid"
    assert len(found.references[b"dimg", found.primary or 0]) == 8


def test_bytes_in_idat_and_in_several_places_are_joined() -> None:
    infe = box(b"infe", struct.pack(">IHH4sx", 2 << 24, 1, 0, b"grid"))
    iloc = box(b"iloc", struct.pack(">IHHHHHHIIII", 1 << 24, 0x4400, 1, 1, 1, 0, 2, 0, 2, 4, 2))
    data = meta(box(b"iinf", struct.pack(">IH", 0, 1) + infe), iloc, box(b"idat", b"abcdef"))
    assert read_container(data).items[1].read(data) == b"abef"


@pytest.mark.parametrize(
    "data",
    [
        FTYP + struct.pack(">I4s", 4, b"meta"),
        FTYP + struct.pack(">I4sQ", 1, b"meta", 2**63),
        meta(box(b"pitm", b"")),
        meta(box(b"iloc", struct.pack(">IHH", 0, 0x4400, 9))),
        meta(box(b"iref", bytes(4) + box(b"dimg", struct.pack(">HH", 1, 6_000)))),
        meta(box(b"iprp", box(b"ipma", struct.pack(">II", 0, 2**32 - 1)))),
    ],
)
def test_boxes_that_end_too_early_are_damaged(data: bytes) -> None:
    with pytest.raises(InvalidImage, match="damaged or cut off") as error:
        read_container(data)
    assert error.value.reason == "broken"


@pytest.mark.parametrize(
    "data",
    [
        FTYP + box(b"free", b"") * (MOST_PARTS + 1),
        meta(box(b"iref", bytes(4) + box(b"dimg", struct.pack(">HH", 1, MOST_PARTS + 1) + bytes(2 * MOST_PARTS + 2)))),
        meta(box(b"iprp", box(b"ipma", struct.pack(">II", 0, 2**32 - 1) + bytes(3 * MOST_PARTS + 3)))),
    ],
)
def test_more_parts_than_an_image_has_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage, match="more parts than an image should have"):
        read_container(data)


def test_a_place_behind_the_end_of_the_file_is_no_place() -> None:
    data = boxed([Part(b"hvc1", b"pixels", [extent(8, 6)])])
    with pytest.raises(InvalidImage, match="behind the end of the file"):
        read_container(data).items[1].read(data[:-1])
